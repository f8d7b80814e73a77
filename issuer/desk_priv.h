/*
 * What the files of the desk share. Nobody but desk*.c includes this.
 *
 * A run is one running order. Events for it are queued, and worked off at the end of the loop's
 * turn, all runs together (desk_round.c), so that what they have to store costs one fsync.
 */
#ifndef CERTMILL_ISSUER_DESK_PRIV_H
#define CERTMILL_ISSUER_DESK_PRIV_H

#include <stdbool.h>

#include "common/limits.h"
#include "issuer/acme.h"
#include "issuer/authority.h"
#include "issuer/cert.h"
#include "issuer/desk.h"
#include "issuer/turn.h"
#include "zones/name.h"
#include "zones/siphash.h"

#define DESK_BUCKETS 1024 /* LIMIT_ORDERS with a name or two each */

/* One CA: made at first need, kept. */
struct desk_ca {
    struct desk_ca *next;
    struct desk *desk;
    char *url;
    struct http *http; /* its own, with its own trust */
    struct acme *acme;
    struct order_estimate estimate; /* what it has taken lately */
};

/* An event with all that it points to. */
struct desk_queued {
    struct desk_queued *next;
    struct order_event event;
    char *body, *text, *location, *domain;
    char *alternates[8];
};

/* A POST that is under way. */
struct desk_post {
    struct desk_post *next, **at;
    struct desk_run *run;
    struct acme_request *request;
    uint32_t tag;
};

/* A run that waits for its CA's directory. */
struct desk_know {
    struct desk_run *run; /* NULL: it is gone */
};

/* A record name that a run has published. */
struct desk_name {
    struct desk_name *next_of_run;
    struct desk_name *next, **at; /* of the bucket */
    struct desk_run *run;
    size_t len;
    uint8_t wire[LIMIT_NAME_WIRE];
    char domain[LIMIT_DOMAIN_TEXT + 1];
};

/* What is needed until a new order is stored. */
struct desk_fresh {
    char *names; /* divided by "," */
    char **list; /* the same, count of them */
    size_t count;
    uint8_t *csr;
    size_t csr_len;
    char *client, *address, *preferred_chain, *profile, *replaces;
    enum order_challenge challenge;
    int64_t peer_uid;
};

struct desk_ticket {
    struct desk_ticket *next, **at; /* at NULL: its order is gone */
    struct desk_client client;
};

struct desk_run {
    struct desk *desk;
    struct desk_run *next, **at;
    struct desk_run *next_ready;
    bool ready;
    struct desk_fresh *fresh; /* until stored */
    uint64_t id;
    char subject[32];
    struct order *order;
    bool has_thumbprint, has_account_url;
    struct desk_ca *ca;
    char *csr_spki; /* hex */
    uint8_t csr_digest[32];
    uint8_t wish[32];  /* desk_wish_digest */
    uint64_t deadline; /* clock_mono_ms */
    struct desk_ticket *tickets;
    uv_timer_t timer;
    struct desk_post *posts;
    struct desk_know *know;
    uint64_t wait;
    uint64_t generation; /* published, 0: not yet */
    struct desk_name *names;
    uint8_t (*resolvers)[17];
    size_t resolver_count;
    struct desk_queued *events, **last_event;

    /* within a round */
    const struct order_action *actions;
    int action_count;
    bool admitted; /* stored in this round */
    bool stored;   /* something was stored in this round */
    bool unstored; /* lost says why the store did not take it */
    struct err lost;
    struct cert cert; /* of a chain that came */

    /* why the order ends, where its own reason says less */
    enum order_failure failure;
    char *reason;
    char *limited; /* what a CA said of a limit, and until when it is not asked */
    int64_t limited_until;
    bool finished;
    bool ordered; /* a newOrder was sent, by this process or the one before */
    bool counted; /* its end, towards limits */
    bool stalled; /* the actions at hand wait for the store; nobody waits for the order */
};

struct desk {
    struct desk_options opt;
    struct authorities authorities;
    struct turn turn;
    uv_timer_t tick;
    unsigned ticks;
    int open_handles;
    bool stopping, freed;
    struct desk_ca *cas;
    struct desk_run *runs;
    size_t run_count;
    struct desk_run *ready, **last_ready;
    uint8_t hash_key[SIPHASH_KEY];
    struct desk_name *buckets[DESK_BUCKETS];
};

/* desk_ca.c: the CA of a directory URL, made at first need; NULL: err is filled. */
void desk_ca_configure(struct desk *desk);
struct desk_ca *desk_ca_get(struct desk *desk, const char *url, struct err *err);
void desk_ca_free_all(struct desk *desk);

/* desk_event.c: queues an event (copied) for the end of the turn. Out of memory: the run is
 * made to fail instead. */
void desk_event_push(struct desk_run *run, const struct order_event *event);
void desk_event_drop_timers(struct desk_run *run);
void desk_event_free_all(struct desk_run *run);
struct desk_queued *desk_event_pop(struct desk_run *run);
void desk_event_free(struct desk_queued *queued);
/* Puts the run on the list of the next round. */
void desk_event_ready(struct desk_run *run);

/* desk_run.c: a run with nothing to do yet; NULL: err is filled. */
struct desk_run *desk_run_new(struct desk *desk, const char *directory_url, struct err *err);
void desk_run_set_id(struct desk_run *run, uint64_t id);
/* Unlinks and frees; the order's values go, posts and waits are cancelled. */
void desk_run_free(struct desk_run *run);
/* A line for log, timeline and clients. */
void desk_run_say(struct desk_run *run, enum log_level level, const char *text);
/* Ends it by ORDER_EV_CANCEL, with this reason instead of the order's own. */
void desk_run_abort(struct desk_run *run, enum order_failure failure, const char *reason);
/* A last word to the clients that are there; the run goes on. */
void desk_run_dismiss(struct desk_run *run, const struct desk_result *result);
/* The same, and the run is finished. */
void desk_run_answer(struct desk_run *run, const struct desk_result *result);
void desk_fresh_free(struct desk_fresh *fresh);

/* desk_act.c: what is to be stored of the actions at hand, then all that is not storing. */
bool desk_act_stores(const struct desk_run *run);
int desk_act_store(struct desk_run *run, struct err *err);
void desk_act_perform(struct desk_run *run);

/* desk_ledger.c: what counts towards limits: with what is stored of the end; and each newOrder that
 * is sent, with what is stored before it. */
void desk_ledger_ordered(struct desk_run *run);
void desk_ledger_issued(struct desk_run *run);
void desk_ledger_failed(struct desk_run *run, const struct order_action *action);

/* desk_audit.c: "issued" or "failed", with the outcome as a sentence. */
void desk_audit(struct desk_run *run, const char *what, const char *outcome);

/* desk_know.c: ORDER_ACT_KNOW. */
int desk_know(struct desk_run *run);

/* desk.c */
int desk_digest(uint8_t dst[static 32], const uint8_t *data, size_t len);
/* What makes two requests to one CA the same: key, names, extensions, chain, profile. */
struct desk_wish {
    const char *spki, *extensions; /* struct csr */
    const char *names;             /* divided by "," */
    const char *preferred_chain, *profile;
};
int desk_wish_digest(uint8_t dst[static 32], const struct desk_wish *wish);
/* Names divided by "," as a list of malloc'd strings; NULL when out of memory. */
char **desk_split(const char *names, size_t *count);
void desk_start_tick(struct desk *desk);

/* desk_round.c */
void desk_round(struct desk *desk);

/* desk_seen.c */
int desk_name_add(struct desk_run *run, const char *domain);
void desk_name_free_all(struct desk_run *run);

#endif

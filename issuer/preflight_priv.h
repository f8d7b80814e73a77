/*
 * Inside issuer/preflight*.c.
 */
#ifndef CERTMILL_ISSUER_PREFLIGHT_PRIV_H
#define CERTMILL_ISSUER_PREFLIGHT_PRIV_H

#include "issuer/preflight.h"
#include "issuer/preflight_lookup.h"
#include "issuer/turn.h"

#define PREFLIGHT_LABEL 33 /* "probe-" and 26 hexadecimal digits, and the NUL */

/* -- findings -- */

struct findings {
    struct preflight_finding *list; /* texts are malloc'd */
    size_t count, room;
    bool short_of_memory;
};

void findings_clear(struct findings *findings);
/* The same twice is kept once. */
void findings_add(struct findings *findings, const struct preflight_finding *about, const char *fmt,
                  ...) __attribute__((format(printf, 3, 4)));

/* -- judging: what is known goes to out; pending where an answer is still to come -- */

struct judge {
    struct lookups *lookups;
    struct findings *out;
    const struct publisher *publisher;
    const struct server_conf *conf;
    int64_t now;       /* Unix seconds */
    const char *label; /* of a sibling that nobody has made */
    bool pending;
};

/* What became of a question. */
enum preflight_outcome {
    OUTCOME_PENDING,
    OUTCOME_ANSWER,    /* NOERROR or NXDOMAIN: *lookup */
    OUTCOME_BOGUS,     /* SERVFAIL that goes away with CD */
    OUTCOME_TEMPORARY, /* no answer, SERVFAIL, REFUSED... */
};
/* Asks; pending is set in judge where it is. lookup: the answer, also of a failure. */
enum preflight_outcome preflight_ask(struct judge *judge, const uint8_t *name, uint16_t type,
                                     const struct lookup **lookup);
/* Adds the finding of a question that failed for `about`. */
void preflight_failed(struct judge *judge, const struct preflight_finding *about,
                      enum preflight_outcome outcome, const uint8_t *name,
                      const struct lookup *lookup);
/* "NOERROR", "SERVFAIL", "no answer" ... */
const char *preflight_answer_text(const struct lookup *lookup);

/* dns-01 (RFC 8555 8.4), or dns-account-01 with its label before _acme-challenge; authority is what
 * findings name, or NULL. */
void preflight_cname(struct judge *judge, const char *name, const char *label,
                     const char *authority);
/* The label of an account, "_" and 16 characters (draft-ietf-acme-dns-account-label). */
#define PREFLIGHT_ACCOUNT_LABEL 18
int preflight_account_label(char dst[static PREFLIGHT_ACCOUNT_LABEL], const char *account_url);
/* dns-persist-01 (draft-ietf-acme-dns-persist). */
void preflight_persist(struct judge *judge, const char *name,
                       const struct preflight_authority *authority);
void preflight_caa(struct judge *judge, const char *name,
                   const struct preflight_authority *authorities, size_t count);

/* -- our zone -- */

enum probe_state { PROBE_IDLE, PROBE_PUBLISHING, PROBE_ASKING };

struct probe {
    enum probe_state state;
    char label[PREFLIGHT_LABEL], value[PREFLIGHT_LABEL];
    uint64_t wait;       /* for the barrier */
    uint64_t good_until; /* monotonic ms; 0: not known */
    struct lookups lookups;
    struct findings findings; /* of the last one that ended */
    uv_timer_t timer;
};

/* One probe at a time; what it finds holds for a while. */
void preflight_zone(struct judge *judge, struct preflight *preflight);
void probe_init(struct preflight *preflight);
void probe_turn(struct preflight *preflight);
/* Ends one that is under way; its value goes. */
void probe_stop(struct preflight *preflight);
/* Judges the answers that a probe has; with no pending, findings are complete. */
void preflight_probe(struct judge *judge, const char *label, const char *value, uint16_t port);

/* -- checks -- */

struct preflight_check {
    struct preflight *preflight;
    struct preflight_check *next, **at; /* by deadline */
    uint64_t deadline;                  /* monotonic ms */
    char **names;
    size_t name_count;
    struct preflight_authority *authorities;
    struct authority *own; /* what they point to: name and challenge */
    size_t authority_count;
    struct lookups lookups;
    char label[PREFLIGHT_LABEL];
    bool dirty;
    preflight_fn *fn;
    void *arg;
};

struct preflight {
    struct preflight_options opt;
    struct resolve *resolve;
    struct preflight_check *checks, **last;
    size_t check_count;
    struct probe probe;
    struct turn turn;
    uv_timer_t timer; /* the first deadline */
    int open_handles;
};

/* A label that nobody has made. */
int preflight_random_label(char dst[static PREFLIGHT_LABEL]);

#endif

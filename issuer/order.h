/*
 * The order state machine (RFC 8555 7.1.6, 7.4, 7.5, 8.4). Pure: events in, actions
 * out. It knows no socket, no clock and no store, so that every odd answer a CA can give
 * is a unit test. issuer/desk.c carries the actions out and feeds what comes of them back.
 */
#ifndef CERTMILL_ISSUER_ORDER_H
#define CERTMILL_ISSUER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/log.h"

enum order_state {
    ORDER_NEW,         /* accepted and stored; nothing said to the CA */
    ORDER_ORDERING,    /* newOrder sent */
    ORDER_AUTHORIZING, /* authorizations being fetched */
    ORDER_PUBLISHING,  /* values added; waiting for the barrier */
    ORDER_VALIDATING,  /* challenges answered; waiting for the CA */
    ORDER_FINALIZING,  /* finalize sent, or the CA is issuing */
    ORDER_DOWNLOADING, /* certificate being fetched */
    ORDER_ISSUED,      /* final: chain is there */
    ORDER_FAILED,      /* final: failure says why */
    ORDER_STATES,
};

/* "new", "ordering" ... as shown and stored; order_state_parse: ERR_UNKNOWN. */
const char *order_state_name(enum order_state state);
int order_state_parse(const char *name, enum order_state *state);

/* Why an order failed, and so the client's exit status (docs/protocol.md). */
enum order_failure {
    ORDER_OK,
    ORDER_REFUSED_CA,     /* a problem document, an invalid authorization or order */
    ORDER_UNAVAILABLE_CA, /* not reachable, 5xx beyond the retries, not ACME */
    ORDER_INTERRUPTED,    /* shutdown or crash, and not to be resumed */
    ORDER_BROKEN,         /* our own failure: signer, store, disk */
};

/* How names are proven. */
enum order_challenge {
    ORDER_DNS_01,         /* RFC 8555 8.4 */
    ORDER_DNS_ACCOUNT_01, /* draft-ietf-acme-dns-account-label: the label is the account's */
    ORDER_DNS_PERSIST_01, /* draft-ietf-acme-dns-persist: the operator's record stands for good */
    ORDER_CHALLENGES,
};

/* "dns-01", "dns-account-01", "dns-persist-01"; order_challenge_parse: ERR_UNKNOWN. */
const char *order_challenge_name(enum order_challenge challenge);
int order_challenge_parse(const char *name, enum order_challenge *challenge);

/* How long a CA has taken lately, ms; 0: not known. When it is asked next follows from that. */
struct order_estimate {
    uint32_t validate_ms; /* from "we are ready" to its verdict */
    uint32_t verdict_ms;  /* from the moment when its resolvers had been seen for all names */
    uint32_t issue_ms;    /* from finalize to the certificate */
};

/* Takes what an order has measured (0: nothing) into the estimate: a moving average in which the
 * newest counts a quarter. */
void order_estimate_learn(struct order_estimate *estimate, const struct order_estimate *measured);

/* What an order is about; copied by order_new. */
struct order_request {
    uint64_t id;
    char *const *names; /* normal form, from the CSR; wildcards as *.NAME */
    size_t name_count;
    const uint8_t *csr; /* DER */
    size_t csr_len;
    const char *preferred_chain; /* issuer or root common name, or SHA-256 fingerprint; or NULL */
    const char *profile;         /* or NULL */
    const char *replaces;        /* certificate identifier (RFC 9773 4.1), or NULL */
    enum order_challenge challenge;
    const char *account_url; /* for dns-account-01 and dns-persist-01; may be set later by
                                order_set_account_url */
    struct order_estimate estimate;
    const char *zone_cname_hint; /* zone apex in text, for "which record to publish" */
    const char *thumbprint;      /* of the account key; may be set later by order_set_thumbprint */
};

/* What survives a crash: enough to go on. Strings are NULL where not known yet. */
struct order_saved {
    enum order_state state;
    const char *url, *finalize_url, *certificate_url;
};

struct order;

int order_new(struct order **out, const struct order_request *request);
/* An order from the store: order_handle(ORDER_EV_START) then asks the CA where it stands
 * by POST-as-GET of saved->url, or orders anew where there is no URL yet. */
int order_resume(struct order **out, const struct order_request *request,
                 const struct order_saved *saved);
void order_free(struct order *order);
int order_set_thumbprint(struct order *order, const char *thumbprint);
int order_set_account_url(struct order *order, const char *account_url);

enum order_state order_get_state(const struct order *order);
void order_get_saved(const struct order *order, struct order_saved *saved);
uint64_t order_id(const struct order *order);
/* Good until order_free. */
char *const *order_names(const struct order *order, size_t *count);
/* Whether it was sent with "replaces" (RFC 9773 5). */
bool order_replaces(const struct order *order);
/* The next name (without "*.", from *at 0 on) whose authorization the CA found invalid, and why in
 * its words or NULL; NULL: no more. */
const char *order_failed_name(const struct order *order, size_t *at, const char **why);
/* Whether that of the name at index (of order_names) failed before it was ordered anew. */
bool order_failed_before(const struct order *order, size_t index);
const char *order_profile(const struct order *order); /* or NULL */

enum order_event_kind {
    ORDER_EV_START,
    ORDER_EV_KNOWN,     /* the CA's directory is there, or why not: asked for by ORDER_ACT_KNOW */
    ORDER_EV_RESPONSE,  /* answer to the ORDER_ACT_POST with the same tag */
    ORDER_EV_PUBLISHED, /* the barrier: every value of ORDER_ACT_PUBLISH is being answered */
    ORDER_EV_SEEN,      /* the CA's resolver was answered with the value of this domain */
    ORDER_EV_TIMER,     /* the time of the last ORDER_ACT_TIMER has passed */
    ORDER_EV_CANCEL,    /* end now: withdraw values, fail with ORDER_INTERRUPTED */
};

struct order_event {
    enum order_event_kind kind;
    uint32_t tag;  /* RESPONSE */
    int transport; /* RESPONSE, KNOWN: 0, or the error that kept an answer from coming */
    const char *transport_text;
    int status;       /* RESPONSE: HTTP status */
    const char *body; /* RESPONSE: not terminated by itself beyond body[body_len] == 0; KNOWN: names
                         of the CA's profiles for people, divided by ", " */
    size_t body_len;
    const char *location;      /* RESPONSE: Location header (absolute) or NULL */
    int64_t retry_after_ms;    /* RESPONSE: from the header, or -1 */
    const char *alternates[8]; /* RESPONSE: Link rel="alternate" URLs */
    size_t alternate_count;
    const char *domain;  /* SEEN: without *. */
    uint32_t seen_total; /* any: resolvers that asked so far, for messages */
    uint64_t generation; /* PUBLISHED: which, for messages ("published at generation N") */
    bool renewal_info;   /* KNOWN: the CA advertises renewalInfo (RFC 9773 3) */
    bool has_profile;    /* KNOWN: ... and the order's profile (draft-ietf-acme-profiles 3) */
    bool for_good;       /* CANCEL: nobody will take the order up again */
    int64_t now;         /* RESPONSE: Unix seconds, for messages ("not before ..."); 0: not known */
    int64_t mono_ms;     /* any: a clock that is never set, ms; 0: not known */
};

enum order_action_kind {
    ORDER_ACT_KNOW,     /* see that the CA's directory is there, then ORDER_EV_KNOWN */
    ORDER_ACT_POST,     /* signed POST; payload NULL: POST-as-GET */
    ORDER_ACT_PUBLISH,  /* add value at the record of domain; ORDER_EV_PUBLISHED when all are out */
    ORDER_ACT_WITHDRAW, /* remove it */
    ORDER_ACT_SAVE,     /* store state and URLs now, before the actions after this one */
    ORDER_ACT_TIMER,    /* ORDER_EV_TIMER in delay_ms; replaces the one before; 0 cancels */
    ORDER_ACT_LOG,      /* a line for the client and the order's timeline */
    ORDER_ACT_FINISH,   /* the last action: ISSUED with chain, or FAILED */
};

/* Points into the order; good until the next order_handle or order_free. */
struct order_action {
    enum order_action_kind kind;
    uint32_t tag;
    const char *url;            /* POST; NULL: the directory's newOrder */
    const char *payload;        /* POST: JSON text or NULL */
    bool detached;              /* POST: no answer is wanted, and the order may end before it */
    const char *domain, *value; /* PUBLISH, WITHDRAW */
    uint32_t delay_ms;
    bool durable; /* SAVE: the URLs changed; must be on disk before the actions after this one. Else
                     only the state did, and a resumed order asks the CA for it anyway. */
    enum log_level level;
    const char *text; /* LOG; FINISH: the reason of a failure, several lines possible */
    enum order_failure failure;
    const char *problem; /* FINISH, FAILED: the problem's type ("rateLimited"), or NULL */
    int64_t retry_at; /* FINISH, FAILED: Unix seconds from which on it may succeed, 0: not said */
    struct order_estimate measured; /* FINISH: what the CA has taken */
    const char *chain; /* FINISH: PEM, leaf first, exactly as downloaded but for line ends */
    const char *const
        *alternates; /* FINISH: the other chains that came, NULL-terminated, or NULL */
};

/* Feeds one event. Returns the number of actions, to be carried out in order, in
 * *actions; or a negative error (-ENOMEM), after which the caller fails the order. */
int order_handle(struct order *order, const struct order_event *event,
                 const struct order_action **actions);

#endif

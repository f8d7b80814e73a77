/*
 * What order*.c share: one order, and how its parts hand over to each other.
 *
 *   order.c         making and freeing, events to their handlers
 *   order_flow.c    newOrder
 *   order_prove.c   authorizations, challenges
 *   order_poll.c    waiting for the CA; finalize
 *   order_issue.c   download, choice among chains
 *   order_anew.c    second chances, and the end of authorizations that hang
 *   order_out.c     actions, and the words that go with them
 */
#ifndef CERTMILL_ISSUER_ORDER_PRIV_H
#define CERTMILL_ISSUER_ORDER_PRIV_H

#include "issuer/order.h"
#include "issuer/order_chain.h"
#include "issuer/order_parse.h"
#include "issuer/problem.h"
#include "issuer/say.h"

/* What a POST asked for. A tag is ORDER_TAG(call, index of the authorization or alternate, else 0),
 * with the round of the order above it. */
enum order_call {
    CALL_NONE,
    CALL_NEW,       /* newOrder */
    CALL_ORDER,     /* the order's URL */
    CALL_AUTHZ,     /* an authorization */
    CALL_CHALLENGE, /* "we are ready", to a challenge */
    CALL_FINALIZE,
    CALL_CERTIFICATE,
    CALL_ALTERNATE, /* another chain */
};

#define ORDER_TAG(call, index) ((uint32_t)(call) << 16 | (uint32_t)(index))

struct order_authz {
    char *url;
    char *domain;        /* without *. */
    char *problem;       /* the CA's reason, in words, or NULL */
    char *challenge_url; /* NULL where nothing has to be proven */
    char *issuer_domain; /* dns-persist-01: the CA's name in the record */
    char *refusal;
    enum order_call call; /* outstanding: CALL_NONE, CALL_AUTHZ or CALL_CHALLENGE */
    enum authz_status status;
    char status_text[32];
    char problem_type[64];
    char value[44]; /* TXT: base64url of SHA-256; "" for dns-persist-01 */
    bool known;     /* fetched at least once */
    bool wildcard;
    bool temporary; /* the reason is a failure of the CA's own that may be over soon */
    bool missing;   /* the CA does not know it any more */
    bool published;
    bool told;    /* the CA took "we are ready" */
    bool refused; /* ... or did not, for the reason in refusal */
    bool seen;
};

struct order_text {
    struct order_text *next;
    char text[];
};

struct order {
    uint64_t id;
    char **names;
    size_t name_count;
    uint8_t *csr;
    size_t csr_len;
    char *preferred_chain, *profile, *replaces, *hint, *thumbprint, *account_url;
    enum order_challenge challenge;

    enum order_state state;
    char *url, *finalize_url, *certificate_url;

    uint32_t round;       /* how often it was ordered anew */
    enum order_call call; /* outstanding, of those that are not an authorization's or alternate's */
    struct order_authz *authz;
    size_t authz_count;

    unsigned polls;
    uint64_t waited_ms; /* sum of the timers that have passed */
    uint32_t timer_ms;  /* the running one; 0: none */
    uint32_t delay_ms;  /* of the next poll, where the CA does not say */
    uint32_t step_ms;   /* of the one after it, 0: twice as much */
    struct order_estimate estimate, measured;
    int64_t told_at, seen_at, finalized_at; /* mono_ms of the events, 0: not yet */
    bool paced;    /* the CA's Retry-After ruled: how long we waited says nothing about it */
    bool held;     /* the running timer is the CA's own Retry-After */
    bool all_seen; /* every pending domain was asked for */
    unsigned finalize_tries;
    bool asked_for_certificate; /* it was not there; the order was read once more */
    bool knowing;               /* ORDER_ACT_KNOW is under way */
    bool away;                  /* the CA is, or wants fewer questions: none that can be left out */
    bool resumed;
    unsigned anews; /* second chances that were taken: ORDER_ANEW_* */
    char **left;    /* pending authorizations of the order before this one */
    size_t left_count;
    bool failed_before[LIMIT_NAMES]; /* of names: invalid once, before it was ordered anew */
    bool explaining;                 /* failed; authorizations are being fetched to say why */
    char *explanation;               /* while explaining: the order's own error, or NULL */
    char *doom;                      /* why it fails once all authorizations are here, or NULL */
    enum order_failure doom_failure;

    struct order_chain chains[1 + LIMIT_ALTERNATES]; /* the default one first */
    size_t chain_count;
    char *alternates[LIMIT_ALTERNATES];       /* URLs that are being fetched */
    const char *others[LIMIT_ALTERNATES + 1]; /* ORDER_ACT_FINISH's alternates */

    char *profiles; /* that the CA offers, for people, or NULL */
    uint32_t seen_total;
    int64_t now, mono_ms;
    char problem[64]; /* type of the CA's last error, "" where it had none */
    int64_t retry_at; /* that came with it, 0: none */

    bool started, finished, out_of_memory;
    struct order_action *actions;
    size_t action_count, action_cap;
    struct order_text *texts; /* of the last actions */
};

/* -- order.c -- */
void order_authz_free(struct order *order);

/* -- order_out.c -- */
void order_out_reset(struct order *order);
/* A printf that lives as long as the actions; never NULL. */
const char *order_out_text(struct order *order, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A POST that nobody waits for; url need not live any longer. */
void order_out_detached(struct order *order, const char *url, const char *payload);
void order_out_post(struct order *order, uint32_t tag, const char *url, const char *payload);
void order_out_publish(struct order *order, const struct order_authz *authz);
void order_out_know(struct order *order);
void order_out_save(struct order *order, enum order_state state, bool durable);
void order_out_timer(struct order *order, uint64_t delay_ms);
void order_out_log(struct order *order, enum log_level level, const char *text);
/* The same of several lines, each on its own. */
void order_out_lines(struct order *order, enum log_level level, const char *text);
/* What say holds, which is empty then; lives as long as the actions. */
const char *order_out_keep(struct order *order, struct say *say);
/* order_out_log of it. */
void order_out_say(struct order *order, enum log_level level, struct say *say);
/* Withdraws every value that is out. */
void order_out_withdraw(struct order *order);
/* Withdraws and finishes; text says why. */
void order_out_fail(struct order *order, enum order_failure failure, const char *text);
/* With the chain at index of order->chains, and all others. */
void order_out_issued(struct order *order, size_t index);
/* The names, divided by ", "; of many, the first and how many more. */
const char *order_out_names(struct order *order);
/* All invalid authorizations in words, a paragraph each. */
const char *order_out_explain(struct order *order);

/* -- order_flow.c -- */
void order_flow_start(struct order *order);
void order_flow_known(struct order *order, const struct order_event *event);
void order_flow_new(struct order *order, const struct order_event *event);
/* Takes over URLs and authorizations of an order object that is new to us; fails the
 * order (and returns false) where it is not about our names. */
bool order_flow_adopt(struct order *order, struct order_object *object);
/* Whether the answer is one: else the order has failed, saying what it was doing. */
bool order_flow_answered(struct order *order, const struct order_event *event, const char *doing);

/* Sends newOrder. */
void order_flow_order(struct order *order);

/* -- order_prove.c -- */
/* Fetches the authorizations that are not known to be valid. */
void order_prove_fetch(struct order *order);
void order_prove_authz(struct order *order, size_t index, const struct order_event *event);
void order_prove_challenge(struct order *order, size_t index, const struct order_event *event);
void order_prove_published(struct order *order, const struct order_event *event);

/* -- order_anew.c -- */
#define ORDER_ANEW_VALIDATION 1u
#define ORDER_ANEW_FORGOTTEN  2u
/* Gives the order at the CA up and makes another, where that was not done for this reason already.
 * Nothing that points into authorizations is good afterwards. */
bool order_anew(struct order *order, unsigned reason, const char *why);
/* The order, or an authorization, is invalid, and all that can be known of it is: whether another
 * order is on its way. */
bool order_anew_after_failure(struct order *order);
/* newOrder was refused: whether another one, without replaces, is on its way. */
bool order_anew_without_replaces(struct order *order, const struct order_event *event);
/* Deactivates what is pending of this order and of the one before. */
void order_anew_deactivate(struct order *order);
/* The same of the one before only, but for what this one shares with it. */
void order_anew_drop_left(struct order *order);

/* -- order_poll.c -- */
void order_poll_follow(struct order *order, const struct order_object *object,
                       int64_t retry_after_ms);
void order_poll_order(struct order *order, const struct order_event *event);
void order_poll_finalized(struct order *order, const struct order_event *event);
void order_poll_begin(struct order *order);
void order_poll_seen(struct order *order, const char *domain);
void order_poll_timer(struct order *order);
/* An authorization came back while we wait: the one at index. */
void order_poll_authz(struct order *order, size_t index);
/* Asks for the order now. */
void order_poll_ask(struct order *order);
/* Fails for what the authorizations say, or orders anew. */
void order_poll_conclude(struct order *order);
/* Polls at once when all domains were asked for and the CA took all our words. held: the CA's
 * Retry-After. */
void order_poll_told(struct order *order, int64_t retry_after_ms);
/* Another try in a while, where the CA may have the certificate already. False: it is too late. */
bool order_poll_again(struct order *order, int64_t retry_after_ms);

/* -- order_issue.c -- */
void order_issue_download(struct order *order);
void order_issue_certificate(struct order *order, const struct order_event *event);
void order_issue_alternate(struct order *order, size_t index, const struct order_event *event);
/* The timer has passed while the certificate is being fetched. */
void order_issue_timer(struct order *order);

#endif

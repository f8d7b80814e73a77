/*
 * Answers that one check has, or waits for. Who judges a name asks for what it needs each time
 * anew: the first time the question goes out, later the answer is there. So the judging is written
 * as if all answers were at hand, and gives up at the first that is not.
 */
#ifndef CERTMILL_ISSUER_PREFLIGHT_LOOKUP_H
#define CERTMILL_ISSUER_PREFLIGHT_LOOKUP_H

#include "issuer/resolve.h"

#define LOOKUP_BUCKETS 128

enum lookup_state {
    LOOKUP_PENDING,
    LOOKUP_FAILED, /* error: nobody answered */
    LOOKUP_DONE,   /* pkt */
};

struct lookup {
    struct lookup *next;
    struct lookups *all;
    enum lookup_state state;
    int error;
    ldns_pkt *pkt;
    uint16_t type;
    bool checking_disabled, direct;
    union dnsaddr server; /* where direct */
    struct resolve_query *query;
    uint8_t name[]; /* wire, lower case */
};

typedef void lookups_fn(void *arg);

struct lookups {
    struct resolve *resolve;
    lookups_fn *fn; /* an answer has come */
    void *arg;
    struct lookup *buckets[LOOKUP_BUCKETS];
    size_t count;
    bool expired;
};

/* resolve NULL: nothing is asked, lookups_fill brings the answers. */
void lookups_init(struct lookups *all, struct resolve *resolve, lookups_fn *fn, void *arg);
void lookups_clear(struct lookups *all);
/* What is not answered has failed, and so has what is asked from now on (ERR_TIMEOUT). */
void lookups_expire(struct lookups *all);

/* Never NULL: out of memory, and past LIMIT_PREFLIGHT_QUESTIONS, it is one that has failed. server:
 * asked itself; NULL: the resolvers. */
const struct lookup *lookups_ask(struct lookups *all, const uint8_t *name, uint16_t type);
const struct lookup *lookups_ask_unchecked(struct lookups *all, const uint8_t *name, uint16_t type);
const struct lookup *lookups_ask_server(struct lookups *all, const uint8_t *name, uint16_t type,
                                        const union dnsaddr *server);
/* The answer to one that is pending; pkt is taken over, NULL: error. */
void lookups_fill(struct lookup *lookup, int error, ldns_pkt *pkt);

#endif

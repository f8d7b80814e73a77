/*
 * A stub resolver on the issuer's loop. ldns makes and parses the messages; the sockets and timers
 * are ours. Each try has a socket of its own, connected, so that its source port is the kernel's
 * random choice (RFC 5452 4.5) and nobody else's datagram arrives; a truncated answer is asked for
 * again over TCP (RFC 7766 5). A resolver that does not answer, or that answers SERVFAIL and the
 * like, makes way for the next one.
 */
#ifndef CERTMILL_ISSUER_RESOLVE_H
#define CERTMILL_ISSUER_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <ldns/ldns.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/limits.h"
#include "zones/dnsaddr.h"
#include "zones/dnsmsg.h"

struct resolve;
struct resolve_query;

/* servers as in the configuration; empty: /etc/resolv.conf, read here and at each
 * resolve_configure. -ENOMEM. */
int resolve_new(struct resolve **out, uv_loop_t *loop, const struct conf_strings *servers);
/* Callbacks of what is under way do not come; handles close on the loop's next turns. */
void resolve_free(struct resolve *resolve);
void resolve_configure(struct resolve *resolve, const struct conf_strings *servers);

struct resolve_question {
    const uint8_t *name; /* wire */
    uint16_t type;
    bool checking_disabled;      /* CD, RFC 4035 3.2.2 */
    const union dnsaddr *server; /* asked itself, without RD; NULL: the resolvers */
};

struct resolve_answer {
    int error;          /* 0; ERR_TIMEOUT, or what kept the last try from an answer */
    const char *server; /* who answered, or was asked last; "" where nobody could be */
    ldns_pkt *pkt;      /* the callback's to keep and free; NULL: error */
};

/* From the loop, once. */
typedef void resolve_fn(void *arg, const struct resolve_answer *answer);
/* ERR_BUSY past LIMIT_RESOLVE_WAITING, -ENOMEM; then no callback comes. query may be NULL. */
int resolve_ask(struct resolve *resolve, const struct resolve_question *question, resolve_fn *fn,
                void *arg, struct resolve_query **query);
/* Its callback will not come. Only before the callback has come. */
void resolve_cancel(struct resolve_query *query);

#endif

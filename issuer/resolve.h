/*
 * A stub resolver on the issuer's loop. ldns makes and parses the messages; the sockets and timers
 * are ours. Each try has a socket of its own, connected, so that its source port is the kernel's
 * random choice (RFC 5452 4.5) and nobody else's datagram arrives; a truncated answer is asked for
 * again over TCP (RFC 7766 5). A resolver that does not answer, or that answers SERVFAIL and the
 * like, makes way for the next one.
 */
#ifndef CERTMILL_ISSUER_RESOLVE_H
#define CERTMILL_ISSUER_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <ldns/ldns.h>

#include "common/conf.h"
#include "common/err.h"
#include "common/limits.h"

#define RESOLVE_ADDRESS_TEXT 64 /* "[2001:db8::53]:53", with a scope */

union resolve_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:53", "[2001:db8::1]:53"; port where text has none.
 * ERR_MALFORMED. */
int resolve_address_parse(union resolve_address *out, const char *text, uint16_t port);
void resolve_address_text(char dst[static RESOLVE_ADDRESS_TEXT], const union resolve_address *addr);

/* The nameserver lines of resolv.conf(5), up to LIMIT_RESOLVE_SERVERS; what is none is passed over.
 * Returns how many. */
size_t resolve_conf_parse(union resolve_address *out, const char *text);

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
    bool checking_disabled;              /* CD, RFC 4035 3.2.2 */
    const union resolve_address *server; /* asked itself, without RD; NULL: the resolvers */
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

/* -- messages -- */

/* A query as bytes, malloc'd. -ENOMEM, ERR_INTERNAL. */
int resolve_message_make(uint8_t **out, size_t *len, const struct resolve_question *question,
                         uint16_t id);
/* Takes an answer to that question apart. ERR_NOT_FOUND: it is not one (another id, question or no
 * answer at all); ERR_MALFORMED. */
int resolve_message_read(ldns_pkt **out, const uint8_t *message, size_t len,
                         const struct resolve_question *question, uint16_t id);
/* The record of this type that owner (wire) has in a list, from *at on; *at is behind it then. */
const ldns_rr *resolve_message_find(const ldns_rr_list *list, const uint8_t *owner, uint16_t type,
                                    size_t *at);
/* The name in field `index` of a record, in wire form and lower case. ERR_MALFORMED. */
int resolve_message_name(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr *rr, size_t index);
/* Follows the CNAMEs of an answer's section from name (wire); dst: where they end. Returns how many
 * there were; ERR_LIMIT for a loop, or more than LIMIT_CNAME_CHAIN. */
int resolve_message_follow(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_pkt *pkt,
                           const uint8_t *name);
/* The uncompressed rdata of a record into dst[cap]. Its length, ERR_LIMIT. */
int resolve_message_rdata(uint8_t *dst, size_t cap, const ldns_rr *rr);

#endif

/*
 * Inside client/dns*.c: one question's way to an answer.
 */
#ifndef CERTMILL_CLIENT_DNS_PRIV_H
#define CERTMILL_CLIENT_DNS_PRIV_H

#include "client/dns.h"

#include "zones/dnsaddr.h"
#include "zones/dnsmsg.h"

#define DNS_REASON sizeof(((struct dns_answer *)NULL)->reason)

struct dns {
    const struct clock *clock;
    union dnsaddr servers[LIMIT_RESOLVE_SERVERS];
    bool trusted[LIMIT_RESOLVE_SERVERS]; /* their AD counts */
    size_t server_count;
    size_t server_now; /* who answered last: asked first */
    int timeout_ms;
    uint8_t *message;   /* LIMIT_DNS_MESSAGE octets, for what comes in */
    uint64_t deadline;  /* of the present dns_ask, clock_mono_ms */
    unsigned questions; /* left of LIMIT_DNS_QUESTIONS for it */
};

struct dns_reply {
    ldns_pkt *pkt; /* NULL: none; reason says why */
    size_t server; /* who sent it */
    char reason[DNS_REASON];
};

/* -- dns_exchange.c -- */

/* Asks the resolvers in turn. reply->pkt is the caller's to free; its code may be any. Negative:
 * out of memory. */
int dns_exchange(struct dns *dns, const struct dnsmsg_question *question, struct dns_reply *reply);

/* -- dns_reply.c: no I/O -- */

/* The response code, EDNS's upper bits included (RFC 6891 6.1.3). */
unsigned dns_reply_code(const ldns_pkt *pkt);
/* "SERVFAIL", or "response code 23". */
void dns_reply_code_text(char dst[static 32], unsigned code);
/* What the resolver says on why, as " (signature expired: its text)"; "" where nothing (RFC 8914).
 * Only printable characters of what it sent. */
void dns_reply_extended(char *dst, size_t size, const ldns_pkt *pkt);

enum dns_step {
    DNS_STEP_FOUND,
    DNS_STEP_ALIAS,   /* CNAME, or DNAME above */
    DNS_STEP_SILENT,  /* nothing for the name in the answer section */
    DNS_STEP_INVALID, /* an alias that leads to no name */
};

/* What the answer section says of a name and type. ALIAS: by is the owner of the CNAME or DNAME,
 * target where it leads. */
struct dns_found {
    enum dns_step step;
    ldns_rr_type by_type;
    uint8_t by[LIMIT_NAME_WIRE], target[LIMIT_NAME_WIRE];
};
void dns_reply_find(struct dns_found *out, const ldns_pkt *pkt, const uint8_t *name, uint16_t type);

/* Seconds that a denial may be kept: the lesser of the SOA's TTL and its last field (RFC 2308 5).
 * False: no SOA of the name or above it. */
bool dns_reply_negative_ttl(uint32_t *ttl, const ldns_pkt *pkt, const uint8_t *name);

/* The records of name and type into out. -ENOMEM, ERR_LIMIT. */
int dns_reply_records(struct dns_answer *out, const ldns_pkt *pkt, const uint8_t *name,
                      uint16_t type);

#endif

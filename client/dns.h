/*
 * What DNS says, and how far that can be trusted (ldns).
 */
#ifndef CERTMILL_CLIENT_DNS_H
#define CERTMILL_CLIENT_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"

enum dns_outcome {
    DNS_FOUND,
    DNS_NODATA,   /* the name is there, without such records */
    DNS_NXDOMAIN, /* RFC 2308: the name is not there */
    DNS_FAILED,   /* no (usable) answer: see reason */
};

/* RFC 4033 5, by ourselves or by the resolver that is trusted to say. */
enum dns_trust {
    DNS_INDETERMINATE, /* nobody looked: the resolver is not one whose AD counts */
    DNS_INSECURE,      /* provably or by the resolver's word not signed */
    DNS_SECURE,        /* validated, denial of existence included */
    DNS_BOGUS,         /* signed, and wrong: reason says what */
};

struct dns_record {
    const uint8_t *rdata; /* within the answer */
    size_t len;
    uint32_t ttl; /* seconds, as the resolver told it: what is left of it in its cache */
    uint32_t
        zone_ttl; /* as the zone has it, where a signature says so (RFC 4034 3.1.4); else ttl */
};

struct dns_answer {
    enum dns_outcome outcome;
    enum dns_trust trust; /* of the whole answer, aliases included */
    /* Names in text without the last dot: asked, each CNAME's (or DNAME's) target, up to
     * the one that outcome is about. names[0] is what was asked; the last one the final owner. */
    char **names;
    size_t name_count;
    struct dns_record *records; /* of the type asked, at the final owner; as DNS_FOUND */
    size_t count;
    uint32_t negative_ttl; /* seconds a denial may be kept (RFC 2308 5); 0: not known */
    char reason[512];      /* a sentence where outcome is DNS_FAILED or trust is DNS_BOGUS */
    void *held;            /* memory of the above */
};

struct dns_options {
    const char *name_server;  /* address, perhaps with @PORT; NULL or "": the system's */
    const char *resolv_conf;  /* NULL: /etc/resolv.conf */
    bool validate;            /* by ourselves, from trust_anchor down */
    const char *trust_anchor; /* file of DS or DNSKEY records of the root, zone-file form */
    int timeout_ms;           /* of one question, all tries; 0: 10 s */
    const struct clock *clock;
};

struct dns;

/* ERR_MALFORMED, ERR_NOT_FOUND (no usable trust anchor), -errno; err says which file or address.
 * Without a nameserver line the local host is asked, as resolv.conf(5) says. AD counts (DNS_SECURE)
 * from a resolver on a loopback address, and from one of resolv.conf with `options trust-ad`
 * (resolv.conf(5)); then its absence means DNS_INSECURE. */
int dns_new(struct dns **out, const struct dns_options *options, struct err *err);
void dns_free(struct dns *dns);

/* Asks for the records of a type at an owner name (text), by UDP, then TCP where that is cut
 * short; follows aliases, at most LIMIT_CNAME_CHAIN. Answers are untrusted octets: question,
 * ID and source are compared, everything is bounded. What resolvers fail to do is told in
 * *out and returns 0; negative: out of memory, a name that is none (ERR_MALFORMED, ERR_LIMIT).
 * What is bogus is DNS_FAILED as well, whether found by ourselves or because a resolver says
 * SERVFAIL but answers with checking disabled. What could not be validated for want of an answer is
 * DNS_FAILED and DNS_INDETERMINATE.
 * dns_answer_clear frees, always. A struct dns is one thread's; what it learnt of zones' keys it
 * keeps. */
int dns_ask(struct dns *dns, const char *owner, uint16_t type, struct dns_answer *out,
            struct err *err);
void dns_answer_clear(struct dns_answer *answer);

/* "found", "secure" and the like, for messages and JSON. */
const char *dns_outcome_name(enum dns_outcome outcome);
const char *dns_trust_name(enum dns_trust trust);

#endif

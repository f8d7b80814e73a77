/*
 * Inside client/dns*.c: one question's way to an answer.
 */
#ifndef CERTMILL_CLIENT_DNS_PRIV_H
#define CERTMILL_CLIENT_DNS_PRIV_H

#include "client/dns.h"

#include "zones/dnsaddr.h"
#include "zones/dnsmsg.h"

#define DNS_REASON sizeof(((struct dns_answer *)NULL)->reason)

/* What is known of a name: whether a zone begins there, and how far it can be trusted. */
enum dns_zone_state {
    DNS_ZONE_SIGNED,   /* begins here; keys are proved */
    DNS_ZONE_NO_CUT,   /* none begins here */
    DNS_ZONE_NO_NAME,  /* the name does not exist, so none begins here or below */
    DNS_ZONE_INSECURE, /* begins here, provably without a chain of trust */
    DNS_ZONE_BOGUS,
    DNS_ZONE_UNKNOWN, /* nobody could be asked */
};

struct dns_zone {
    struct dns_zone *next;
    uint8_t name[LIMIT_NAME_WIRE];
    enum dns_zone_state state;
    ldns_rr_list *keys; /* DNS_ZONE_SIGNED */
    char reason[DNS_REASON];
};

struct dns_reply {
    ldns_pkt *pkt; /* NULL: none; reason says why */
    size_t server; /* who sent it */
    char reason[DNS_REASON];
};

struct dns;
/* reply->pkt is the caller's to free; its code may be any. -ENOMEM. */
typedef int dns_exchange_fn(struct dns *dns, const struct dnsmsg_question *question,
                            struct dns_reply *reply);

struct dns {
    const struct clock *clock;
    dns_exchange_fn *exchange; /* dns_exchange, but in tests */
    union dnsaddr servers[LIMIT_RESOLVE_SERVERS];
    bool trusted[LIMIT_RESOLVE_SERVERS]; /* their AD counts */
    size_t server_count;
    size_t server_now; /* who answered last: asked first */
    int timeout_ms;
    uint8_t *message;      /* LIMIT_DNS_MESSAGE octets, for what comes in */
    uint64_t deadline;     /* of the present dns_ask, clock_mono_ms */
    unsigned questions;    /* left of LIMIT_DNS_QUESTIONS for it */
    unsigned checks;       /* left of LIMIT_DNS_CHECKS for it */
    ldns_rr_list *anchors; /* NULL: no validation here */
    struct dns_zone *zones;
    size_t zone_count;
};

/* -- dns_exchange.c -- */

/* Asks the resolvers in turn. */
dns_exchange_fn dns_exchange;

/* By dns->exchange, as long as there are questions left. */
int dns_question(struct dns *dns, const struct dnsmsg_question *question, struct dns_reply *reply);

/* -- dns_reply.c: no I/O -- */

/* A sentence, cut short where it is too long. */
void dns_say(char reason[static DNS_REASON], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

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

/* Seconds that a denial may be kept: the lesser of the SOA's TTL, in the zone where a signature
 * tells that (RFC 4034 3.1.4), and its last field (RFC 2308 5). False: no SOA of the name or above
 * it. */
bool dns_reply_negative_ttl(uint32_t *ttl, const ldns_pkt *pkt, const uint8_t *name);

/* The records of name and type into out. -ENOMEM, ERR_LIMIT. */
int dns_reply_records(struct dns_answer *out, const ldns_pkt *pkt, const uint8_t *name,
                      uint16_t type);

/* -- dns_anchor.c -- */

/* The root's DS and DNSKEY records out of a file's text, as dns-root-data, unbound-anchor
 * and RFC 5011 managers write them (keys that are not valid yet or revoked are passed over).
 * ERR_MALFORMED, ERR_NOT_FOUND, ERR_LIMIT; err names file and line. */
int dns_anchor_parse(ldns_rr_list **out, const char *text, const char *path, struct err *err);
int dns_anchor_read(ldns_rr_list **out, const char *path, struct err *err);

/* -- dns_rrset.c: signatures; no I/O -- */

struct dns_check {
    uint32_t now;   /* seconds, RFC 4034 3.1.5 */
    unsigned *left; /* signature checks */
    char *reason;   /* DNS_REASON octets */
};

/* "TLSA _25._tcp.example.org". */
void dns_rrset_text(char dst[static 192], const uint8_t *owner, uint16_t type);
/* RFC 8624 3.1 and 3.3: what we can check. */
bool dns_rrset_algorithm_known(uint8_t algorithm);
bool dns_rrset_digest_known(uint8_t digest);
/* The deepest signer among the signatures of an RRset, of those that may sign it: owner or a name
 * above it. False: it has none. */
bool dns_rrset_signer(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr_list *section,
                      const uint8_t *owner, uint16_t type);
/* The deepest signer of NSEC, NSEC3 and SOA records that has name in its zone. False: none. */
bool dns_rrset_proof_signer(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr_list *section,
                            const uint8_t *name);
/* Whether one of keys, of the zone apex, has signed the RRset (RFC 4035 5.3). labels: how many the
 * signed owner name has; fewer than owner's: it is a wildcard's expansion. False: reason says why.
 */
bool dns_rrset_verify(const struct dns_check *check, const ldns_rr_list *section,
                      const uint8_t *owner, uint16_t type, const uint8_t *apex,
                      const ldns_rr_list *keys, unsigned *labels);
/* Labels of a name, without the root and a leading asterisk (RFC 4034 3.1.3). */
unsigned dns_rrset_labels(const uint8_t *owner);
/* Whether a key may be one of a zone's (RFC 4034 2.1, RFC 5011 2.1). */
bool dns_rrset_zone_key(const ldns_rr *key);

/* -- dns_denial.c: what is not there; no I/O -- */

enum dns_proof {
    DNS_PROOF_NONE,
    DNS_PROOF_SECURE,
    DNS_PROOF_INSECURE, /* opt-out (RFC 5155 6), or too costly to check */
};

/* Verified NSEC and NSEC3 records of one zone, borrowed. */
struct dns_denial {
    const uint8_t *apex;
    const ldns_rr *nsec[LIMIT_DNS_DENIALS], *nsec3[LIMIT_DNS_DENIALS];
    size_t nsec_count, nsec3_count;
    bool costly; /* NSEC3 beyond LIMIT_DNS_ITERATIONS are among them, and left out */
};

/* Of a reply's authority section, what apex has signed. */
void dns_denial_gather(struct dns_denial *out, const struct dns_check *check, const ldns_pkt *pkt,
                       const uint8_t *apex, const ldns_rr_list *keys);
enum dns_proof dns_denial_nodata(const struct dns_denial *denial, const uint8_t *name,
                                 uint16_t type);
enum dns_proof dns_denial_nxdomain(const struct dns_denial *denial, const uint8_t *name);
/* That nothing is nearer to name than the wildcard below its last `labels` labels. */
enum dns_proof dns_denial_wildcard(const struct dns_denial *denial, const uint8_t *name,
                                   unsigned labels);
/* Whether a zone begins at name that has no DS: DNS_ZONE_NO_CUT, NO_NAME, INSECURE; BOGUS: nothing
 * proves either. */
enum dns_zone_state dns_denial_ds(const struct dns_denial *denial, const uint8_t *name);

/* -- dns_chain.c: from the root down -- */

/* The zone that name is in, or rather the last one towards it that can be told of: SIGNED,
 * INSECURE, BOGUS or UNKNOWN. -ENOMEM. */
int dns_chain_zone(struct dns *dns, const uint8_t *name, const struct dns_zone **zone);
/* Before each dns_ask: what could not be asked is forgotten. */
void dns_chain_begin(struct dns *dns);
void dns_chain_clear(struct dns *dns);

/* -- dns_validate.c -- */

/* Of the records of owner and type in the answer section. reason (DNS_REASON): where BOGUS or
 * INDETERMINATE. -ENOMEM. */
int dns_validate_records(struct dns *dns, const ldns_pkt *pkt, const uint8_t *owner, uint16_t type,
                         enum dns_trust *trust, char *reason);
/* Of their absence, or that of the name. */
int dns_validate_denial(struct dns *dns, const ldns_pkt *pkt, const uint8_t *name, uint16_t type,
                        enum dns_trust *trust, char *reason);

#endif

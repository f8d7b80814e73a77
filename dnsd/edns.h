/*
 * EDNS(0), RFC 6891: the OPT record of a query and of its answer, with the options NSID (RFC 5001),
 * COOKIE (RFC 7873), TCP keepalive (RFC 7828) and extended errors (RFC 8914).
 */
#ifndef CERTMILL_DNSD_EDNS_H
#define CERTMILL_DNSD_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"
#include "dnsd/cookie.h"
#include "dnsd/dns.h"

#define EDNS_OPT_LEN 11 /* octets of an OPT record without options */
#define EDNS_EDE_LEN 6  /* octets of an extended error */
/* The longest that we write: with COOKIE, NSID, keepalive and an extended error. */
#define EDNS_OPT_MAX (EDNS_OPT_LEN + 4 + COOKIE_FULL + 4 + LIMIT_NSID + 4 + 2 + EDNS_EDE_LEN)

/* What a query says. */
struct edns {
    bool present;          /* an OPT record stands in the query */
    bool dnssec_ok;        /* RFC 3225 */
    bool options;          /* one of these at least: */
    bool nsid, keepalive;  /* asked for */
    uint8_t version;       /* all options are those of version 0 */
    uint8_t cookie_len;    /* COOKIE_CLIENT, or with a server's part 16 to 40; 0: no cookie */
    uint16_t payload;      /* octets, as the client says */
    const uint8_t *cookie; /* within the query */
};

/* Options that are as good as unknown unless they are asked for here. */
enum edns_known {
    EDNS_COOKIE = 1,
    EDNS_KEEPALIVE = 2, /* not over UDP, RFC 7828 3.2.2 */
};

/* Walks the message of len octets at msg, at least a header, and fills *edns. pos: behind the
 * question where the caller has read it, else DNS_HEADER. known: of enum edns_known.
 * Returns 0, or ERR_MALFORMED for a query with more than LIMIT_QUERY_RECORDS, a record that does
 * not parse, an OPT that is second, in another section, not at the root or with broken options
 * (6.1.1, 6.1.2), a COOKIE of a length that none has (RFC 7873 5.2.2), a keepalive that tells a
 * time-out (RFC 7828 3.2.1), and for octets behind the last record. Unknown options are ignored
 * (6.1.2), as are all of a version that is not 0, which nobody can read. edns->present may be set
 * even then: the answer has an OPT. */
int edns_parse(struct edns *edns, const uint8_t *msg, size_t len, size_t pos, unsigned known);

/* What an answer says, in an OPT record. */
struct edns_reply {
    uint16_t payload; /* octets that we take */
    bool dnssec_ok;
    uint16_t options_len; /* octets; what follows counts where it is not 0 */
    bool tell_keepalive;
    uint16_t keepalive;    /* units of 100 ms */
    uint8_t nsid_len;      /* 0: none */
    const uint8_t *nsid;   /* borrowed, as is */
    const uint8_t *cookie; /* COOKIE_FULL octets, or NULL: none */
};

/* Sets options_len to what the fields behind it call for. */
void edns_measure(struct edns_reply *reply);

/* Writes the OPT record with the upper bits of rcode, version 0, and an extended error unless that
 * is DNS_EDE_NONE. Returns its length: EDNS_OPT_LEN, options_len and EDNS_EDE_LEN. */
size_t edns_write(uint8_t *dst, unsigned rcode, enum dns_ede error, const struct edns_reply *reply);

#endif

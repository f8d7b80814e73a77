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
/* The longest that we write: with COOKIE, NSID, keepalive and an extended error. */
#define EDNS_OPT_MAX (EDNS_OPT_LEN + 4 + COOKIE_FULL + 4 + LIMIT_NSID + 4 + 2 + 4 + 2)

/* What a query says. */
struct edns {
    bool present;         /* an OPT record stands in the query */
    bool dnssec_ok;       /* RFC 3225 */
    bool nsid, keepalive; /* asked for */
    uint8_t version;
    uint8_t cookie_len;    /* COOKIE_CLIENT, or with a server's part 16 to 40; 0: no cookie */
    uint16_t payload;      /* octets, as the client says */
    const uint8_t *cookie; /* within the query */
};

/* What is to be walked, as the header counts it, and which options are known here. */
struct edns_walk {
    uint16_t question, answer, authority, additional;
    bool cookies, keepalive; /* RFC 7828 3.2.2: not over UDP */
};

/* What an answer says, in an OPT record. */
struct edns_reply {
    uint16_t payload;   /* octets that we take */
    uint16_t keepalive; /* units of 100 ms, where tell_keepalive */
    bool dnssec_ok, tell_keepalive;
    uint8_t nsid_len;      /* 0: none */
    int8_t error;          /* enum dns_ede */
    const uint8_t *nsid;   /* borrowed, as is */
    const uint8_t *cookie; /* COOKIE_FULL octets, or NULL: none */
};

/* Walks questions and records from pos to the end of the len octets at msg and fills *edns.
 * Returns 0, or ERR_MALFORMED for a record that does not
 * parse, an OPT that is second, in another section, not at the root or with broken options (6.1.1,
 * 6.1.2), a COOKIE of a length that none has (RFC 7873 5.2.2), a keepalive that tells a time-out
 * (RFC 7828 3.2.1), and for octets behind the last record. Unknown options are ignored (6.1.2), as
 * are all of a version that is not 0, which nobody can read. edns->present may be set even then:
 * the answer has an OPT. */
int edns_parse(struct edns *edns, const uint8_t *msg, size_t len, size_t pos,
               const struct edns_walk *walk);

/* Octets that edns_write takes: at most EDNS_OPT_MAX. */
size_t edns_reply_len(const struct edns_reply *reply);

/* Writes the OPT record with the upper bits of rcode and version 0. Returns its length. */
size_t edns_write(uint8_t *dst, unsigned rcode, const struct edns_reply *reply);

#endif

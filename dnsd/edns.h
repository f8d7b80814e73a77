/*
 * EDNS(0), RFC 6891: the OPT record of a query and of its answer.
 */
#ifndef CERTMILL_DNSD_EDNS_H
#define CERTMILL_DNSD_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define EDNS_OPT_LEN 11 /* octets of an OPT record without options */

struct edns {
    bool present;   /* a well-formed OPT record stands in the query */
    bool dnssec_ok; /* RFC 3225 */
    uint8_t version;
    uint16_t payload; /* octets, as the client says */
};

/* The counts of the header for the sections behind the question. */
struct edns_counts {
    uint16_t answer, authority, additional;
};

/* Walks the records from pos to the end of the len octets at msg and fills *edns.
 * Returns 0, or ERR_MALFORMED for a record that does not parse, an OPT that is second, in another
 * section, not at the root or with broken options (6.1.1, 6.1.2), and for octets behind
 * the last record. Unknown options are ignored (6.1.2). edns->present may be set even then. */
int edns_parse(struct edns *edns, const uint8_t *msg, size_t len, size_t pos,
               const struct edns_counts *counts);

/* Writes EDNS_OPT_LEN octets: the payload size (octets), the upper bits of rcode, version 0, DO. */
void edns_write(uint8_t *dst, unsigned rcode, uint16_t payload, bool dnssec_ok);

#endif

/*
 * Which owner name answers for a domain's dns-01 challenge: `NAME.ZONE` for the
 * domain NAME (without `*.`), the same as certgrinder makes them. Where that would be
 * longer than 253 octets of text: the first 32 characters of base32(sha256(NAME))
 * (RFC 4648 6, lower case), as one label below ZONE.
 */
#ifndef CERTMILL_ZONES_RECORD_H
#define CERTMILL_ZONES_RECORD_H

#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

/* domain in normal form (common/domainset.h), with or without `*.`; zone: apex in wire
 * form. Returns the wire length of dst (lower case), or ERR_MALFORMED / ERR_LIMIT / ERR_CRYPTO. */
int record_name(uint8_t dst[static LIMIT_NAME_WIRE], const char *domain, const uint8_t *zone);

#endif

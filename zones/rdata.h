/*
 * The names in rdata: whether they are well-formed, and how they compare.
 */
#ifndef CERTMILL_ZONES_RDATA_H
#define CERTMILL_ZONES_RDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether uncompressed rdata has the form of its type (RFC 1035 3.3, RFC 2782, RFC 6672 2.1) as far
 * as names, SOA integers and addresses go: exactly as long as that. Other types always have it. */
bool rdata_valid(uint16_t type, const uint8_t *rdata, size_t len);
/* Canonical order of two rdata of one type (RFC 4034 6.2, 6.3): names compare in lower case. 0: one
 * and the same record. Either may be malformed. */
int rdata_compare(uint16_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

#endif

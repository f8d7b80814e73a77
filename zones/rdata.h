/*
 * What answering reads out of rdata: the names in it.
 */
#ifndef CERTMILL_ZONES_RDATA_H
#define CERTMILL_ZONES_RDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether uncompressed rdata has the form of its type (RFC 1035 3.3, RFC 2782, RFC 6672 2.1) as far
 * as names, SOA integers and addresses go: exactly as long as that. Other types always have it. */
bool rdata_valid(uint16_t type, const uint8_t *rdata, size_t len);

#endif

/*
 * Questions to resolvers and their answers, made and taken apart by ldns. No sockets here.
 */
#ifndef CERTMILL_ZONES_DNSMSG_H
#define CERTMILL_ZONES_DNSMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ldns/ldns.h>

#include "common/err.h"
#include "common/limits.h"

/* With EDNS, LIMIT_RESOLVE_PAYLOAD and DO. */
struct dnsmsg_question {
    const uint8_t *name; /* wire */
    uint16_t type;
    bool recursion_desired;
    bool checking_disabled;  /* CD, RFC 4035 3.2.2 */
    bool authenticated_data; /* AD: tell us, RFC 6840 5.7 */
};

/* A query as bytes, malloc'd. -ENOMEM, ERR_INTERNAL. */
int dnsmsg_make(uint8_t **out, size_t *len, const struct dnsmsg_question *question, uint16_t id);
/* Takes an answer to that question apart. ERR_NOT_FOUND: it is not one (another id, question or no
 * answer at all); ERR_MALFORMED. */
int dnsmsg_read(ldns_pkt **out, const uint8_t *message, size_t len,
                const struct dnsmsg_question *question, uint16_t id);
/* The record of this type that owner (wire) has in a list, from *at on; *at is behind it then. */
const ldns_rr *dnsmsg_find(const ldns_rr_list *list, const uint8_t *owner, uint16_t type,
                           size_t *at);
/* The name in field `index` of a record, in wire form and lower case. ERR_MALFORMED. */
int dnsmsg_name(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_rr *rr, size_t index);
/* Follows the CNAMEs of an answer's section from name (wire); dst: where they end. Returns how many
 * there were; ERR_LIMIT for a loop, or more than LIMIT_CNAME_CHAIN. */
int dnsmsg_follow(uint8_t dst[static LIMIT_NAME_WIRE], const ldns_pkt *pkt, const uint8_t *name);
/* The uncompressed rdata of a record into dst[cap]. Its length, ERR_LIMIT. */
int dnsmsg_rdata(uint8_t *dst, size_t cap, const ldns_rr *rr);

#endif

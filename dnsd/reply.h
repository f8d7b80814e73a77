/*
 * An answer under construction: whole RRsets behind a header and the question, within a
 * limit. What does not fit is left out whole (RFC 2181 9).
 */
#ifndef CERTMILL_DNSD_REPLY_H
#define CERTMILL_DNSD_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/wire.h"
#include "dnsd/dns.h"
#include "zones/image.h"

struct reply {
    uint8_t *out;
    size_t len, limit; /* octets; room for OPT is already taken off limit */
    uint16_t answer, authority, additional;
};

/* An owner name: where in the message it stands uncompressed, and its octets. */
struct reply_owner {
    size_t offset;
    const uint8_t *name;
    size_t name_len;
};

/* Copies rrset with this owner. False where it does not fit. Adds to *count. */
bool reply_put(struct reply *reply, const struct image_rrset *rrset,
               const struct reply_owner *owner, uint16_t *count);

/* Puts the CNAME that a DNAME stands for (RFC 6672 3.1). */
bool reply_put_cname(struct reply *reply, const struct reply_owner *owner, uint32_t ttl,
                     const uint8_t *target, size_t target_len);

/* The commonest case of reply_put: an answer whose owner is the question's name. */
static inline bool reply_put_answer(struct reply *reply, const struct image_rrset *rrset)
{
    size_t len;
    const uint8_t *wire = image_rrset_wire(rrset, &len);

    if (len > reply->limit - reply->len) {
        return false;
    }
    memcpy(reply->out + reply->len, wire, len);
    reply->len += len;
    reply->answer = (uint16_t)(reply->answer + image_rrset_count(rrset));
    return true;
}

#endif

#include "dnsd/reply.h"

#define POINTER     0xC000u
#define POINTER_MAX 0x3FFFu

/* Octets of an owner in the answer: a pointer, or the name where no pointer reaches it. */
static size_t owner_len(const struct reply_owner *owner)
{
    return owner->offset <= POINTER_MAX ? 2 : owner->name_len;
}

static uint8_t *owner_write(uint8_t *dst, const struct reply_owner *owner)
{
    if (owner->offset <= POINTER_MAX) {
        wire_write_u16(dst, (uint16_t)(POINTER | owner->offset));
        return dst + 2;
    }
    memcpy(dst, owner->name, owner->name_len);
    return dst + owner->name_len;
}

bool reply_put(struct reply *reply, const struct image_rrset *rrset,
               const struct reply_owner *owner, uint16_t *count)
{
    uint16_t rrs = image_rrset_count(rrset);
    size_t len;
    const uint8_t *wire = image_rrset_wire(rrset, &len);
    size_t need = len + rrs * (owner_len(owner) - 2);
    uint8_t *dst = reply->out + reply->len;

    if (need > reply->limit - reply->len) {
        return false;
    }
    for (uint16_t i = 0; i < rrs; i++) {
        size_t rest = DNS_RR_FIXED + (size_t)wire_read_u16(wire + 10);

        dst = owner_write(dst, owner);
        memcpy(dst, wire + 2, rest);
        dst += rest;
        wire += 2 + rest;
    }
    reply->len += need;
    *count = (uint16_t)(*count + rrs);
    return true;
}

bool reply_put_cname(struct reply *reply, const struct reply_owner *owner, uint32_t ttl,
                     const uint8_t *target, size_t target_len)
{
    size_t need = owner_len(owner) + DNS_RR_FIXED + target_len;
    uint8_t *dst = reply->out + reply->len;

    if (need > reply->limit - reply->len) {
        return false;
    }
    dst = owner_write(dst, owner);
    wire_write_u16(dst, DNS_TYPE_CNAME);
    wire_write_u16(dst + 2, DNS_CLASS_IN);
    wire_write_u32(dst + 4, ttl);
    wire_write_u16(dst + 8, (uint16_t)target_len);
    memcpy(dst + DNS_RR_FIXED, target, target_len);
    reply->len += need;
    reply->answer++;
    return true;
}

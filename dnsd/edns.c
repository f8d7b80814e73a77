#include "dnsd/edns.h"

#include <string.h>

#include "common/limits.h"
#include "common/wire.h"
#include "dnsd/dns.h"

#define EDNS_FLAG_DO 0x8000u

/* Octets of an owner name, which may end in a pointer that goes back (RFC 1035 4.1.4). */
static int skip_owner(const uint8_t *msg, size_t len, size_t pos)
{
    size_t start = pos;

    while (pos < len && pos - start < LIMIT_NAME_WIRE) {
        uint8_t c = msg[pos];

        if (c == 0) {
            return (int)(pos + 1 - start);
        }
        if (c >= 0xC0) {
            if (len - pos < 2 || (wire_read_u16(msg + pos) & 0x3FFFu) >= pos) {
                return ERR_MALFORMED;
            }
            return (int)(pos + 2 - start);
        }
        if (c > LIMIT_LABEL || c >= len - pos) {
            return ERR_MALFORMED;
        }
        pos += c + 1u;
    }
    return ERR_MALFORMED;
}

static bool options_parse(const uint8_t *rdata, size_t len)
{
    while (len > 0) {
        if (len < 4) {
            return false;
        }
        size_t option = 4u + wire_read_u16(rdata + 2);
        if (option > len) {
            return false;
        }
        rdata += option;
        len -= option;
    }
    return true;
}

/* fixed: at the type of an OPT record whose rdata is known to be there. */
static int take_opt(struct edns *edns, const uint8_t *fixed, size_t rdata_len, bool in_place)
{
    uint32_t ttl = wire_read_u32(fixed + 4);

    if (!in_place || edns->present || !options_parse(fixed + DNS_RR_FIXED, rdata_len)) {
        return ERR_MALFORMED;
    }
    edns->present = true;
    edns->payload = wire_read_u16(fixed + 2);
    edns->version = (uint8_t)(ttl >> 16);
    edns->dnssec_ok = (ttl & EDNS_FLAG_DO) != 0;
    return 0;
}

int edns_parse(struct edns *edns, const uint8_t *msg, size_t len, size_t pos,
               const struct edns_counts *counts)
{
    uint32_t before = (uint32_t)counts->answer + counts->authority;
    uint32_t total = before + counts->additional;

    memset(edns, 0, sizeof(*edns));
    for (uint32_t i = 0; i < total; i++) {
        int owner = skip_owner(msg, len, pos);

        if (owner < 0 || len - pos - (size_t)owner < DNS_RR_FIXED) {
            return ERR_MALFORMED;
        }
        const uint8_t *fixed = msg + pos + owner;
        size_t rdata_len = wire_read_u16(fixed + 8);
        pos += (size_t)owner + DNS_RR_FIXED;
        if (rdata_len > len - pos) {
            return ERR_MALFORMED;
        }
        pos += rdata_len;
        if (wire_read_u16(fixed) == DNS_TYPE_OPT &&
            take_opt(edns, fixed, rdata_len, i >= before && owner == 1) < 0) {
            return ERR_MALFORMED;
        }
    }
    return pos == len ? 0 : ERR_MALFORMED;
}

void edns_write(uint8_t *dst, unsigned rcode, uint16_t payload, bool dnssec_ok)
{
    dst[0] = 0;
    wire_write_u16(dst + 1, DNS_TYPE_OPT);
    wire_write_u16(dst + 3, payload);
    wire_write_u32(dst + 5, (uint32_t)(rcode >> 4) << 24 | (dnssec_ok ? EDNS_FLAG_DO : 0));
    wire_write_u16(dst + 9, 0);
}

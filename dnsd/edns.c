#include "dnsd/edns.h"

#include <string.h>

#include "common/limits.h"
#include "common/wire.h"
#include "dnsd/dns.h"

#define EDNS_FLAG_DO   0x8000u
#define OPTION_FIXED   4u /* octets: code and length */
#define QUESTION_FIXED 4u /* type and class */
#define EDE_LEN        2u
#define TIMEOUT_LEN    2u

_Static_assert(DNS_HEADER + LIMIT_NAME_WIRE + 4 + EDNS_OPT_MAX <= 512,
               "whatever is asked, the smallest message holds the question and OPT");

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

/* Whether a COOKIE option may be this long: a client's part, or that and a server's of 8 to 32
 * octets (RFC 7873 4). */
static bool is_cookie_len(size_t len)
{
    return len == COOKIE_CLIENT || (len >= COOKIE_CLIENT + 8 && len <= COOKIE_CLIENT + 32);
}

static int take_option(struct edns *edns, uint16_t code, const uint8_t *data, size_t len,
                       const struct edns_walk *walk)
{
    switch (code) {
    case DNS_OPTION_NSID: /* whatever its data, RFC 5001 2.1 */
        edns->nsid = true;
        return 0;
    case DNS_OPTION_COOKIE:
        if (!walk->cookies || edns->cookie_len > 0) { /* the first counts, RFC 7873 5.2 */
            return 0;
        }
        if (!is_cookie_len(len)) {
            return ERR_MALFORMED;
        }
        edns->cookie = data;
        edns->cookie_len = (uint8_t)len;
        return 0;
    case DNS_OPTION_KEEPALIVE:
        if (!walk->keepalive) {
            return 0;
        }
        edns->keepalive = len == 0; /* a client has no time-out to tell, 3.2.1 */
        return edns->keepalive ? 0 : ERR_MALFORMED;
    default:
        return 0;
    }
}

/* Broken off where an option is longer than what is left, the record is none. */
static int options_parse(struct edns *edns, const uint8_t *rdata, size_t len,
                         const struct edns_walk *walk)
{
    int ret = 0;

    while (len > 0) {
        size_t data_len = len < OPTION_FIXED ? 0 : wire_read_u16(rdata + 2);

        if (len < OPTION_FIXED || data_len > len - OPTION_FIXED) {
            edns->present = false;
            return ERR_MALFORMED;
        }
        if (take_option(edns, wire_read_u16(rdata), rdata + OPTION_FIXED, data_len, walk) < 0) {
            ret = ERR_MALFORMED;
        }
        rdata += OPTION_FIXED + data_len;
        len -= OPTION_FIXED + data_len;
    }
    return ret;
}

/* fixed: at the type of an OPT record whose rdata is known to be there. */
static int take_opt(struct edns *edns, const uint8_t *fixed, size_t rdata_len,
                    const struct edns_walk *walk)
{
    uint32_t ttl = wire_read_u32(fixed + 4);

    if (edns->present) {
        return ERR_MALFORMED;
    }
    edns->present = true;
    edns->payload = wire_read_u16(fixed + 2);
    edns->version = (uint8_t)(ttl >> 16);
    edns->dnssec_ok = (ttl & EDNS_FLAG_DO) != 0;
    if (edns->version != 0) {
        return 0;
    }
    return options_parse(edns, fixed + DNS_RR_FIXED, rdata_len, walk);
}

/* The position behind count questions, 0 where they do not parse. */
static size_t skip_questions(const uint8_t *msg, size_t len, size_t pos, uint16_t count)
{
    for (; count > 0; count--) {
        int owner = skip_owner(msg, len, pos);

        if (owner < 0 || len - pos - (size_t)owner < QUESTION_FIXED) {
            return 0;
        }
        pos += (size_t)owner + QUESTION_FIXED;
    }
    return pos;
}

int edns_parse(struct edns *edns, const uint8_t *msg, size_t len, size_t pos,
               const struct edns_walk *walk)
{
    uint32_t before = (uint32_t)walk->answer + walk->authority;
    uint32_t total = before + walk->additional;

    memset(edns, 0, sizeof(*edns));
    if ((pos = skip_questions(msg, len, pos, walk->question)) == 0) {
        return ERR_MALFORMED;
    }
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
            (i < before || owner != 1 || take_opt(edns, fixed, rdata_len, walk) < 0)) {
            return ERR_MALFORMED;
        }
    }
    return pos == len ? 0 : ERR_MALFORMED;
}

static size_t options_len(const struct edns_reply *reply)
{
    return (reply->cookie != NULL ? OPTION_FIXED + COOKIE_FULL : 0) +
           (reply->nsid_len > 0 ? OPTION_FIXED + reply->nsid_len : 0) +
           (reply->tell_keepalive ? OPTION_FIXED + TIMEOUT_LEN : 0) +
           (reply->error != DNS_EDE_NONE ? OPTION_FIXED + EDE_LEN : 0);
}

size_t edns_reply_len(const struct edns_reply *reply)
{
    return EDNS_OPT_LEN + options_len(reply);
}

static uint8_t *option_write(uint8_t *dst, enum dns_option code, const uint8_t *data, size_t len)
{
    wire_write_u16(dst, (uint16_t)code);
    wire_write_u16(dst + 2, (uint16_t)len);
    memcpy(dst + OPTION_FIXED, data, len);
    return dst + OPTION_FIXED + len;
}

static uint8_t *option_write_u16(uint8_t *dst, enum dns_option code, uint16_t value)
{
    uint8_t data[2];

    wire_write_u16(data, value);
    return option_write(dst, code, data, sizeof(data));
}

size_t edns_write(uint8_t *dst, unsigned rcode, const struct edns_reply *reply)
{
    size_t len = options_len(reply);
    uint8_t *option = dst + EDNS_OPT_LEN;

    dst[0] = 0;
    wire_write_u16(dst + 1, DNS_TYPE_OPT);
    wire_write_u16(dst + 3, reply->payload);
    wire_write_u32(dst + 5, (uint32_t)(rcode >> 4) << 24 | (reply->dnssec_ok ? EDNS_FLAG_DO : 0));
    wire_write_u16(dst + 9, (uint16_t)len);
    if (reply->nsid_len > 0) {
        option = option_write(option, DNS_OPTION_NSID, reply->nsid, reply->nsid_len);
    }
    if (reply->cookie != NULL) {
        option = option_write(option, DNS_OPTION_COOKIE, reply->cookie, COOKIE_FULL);
    }
    if (reply->tell_keepalive) {
        option = option_write_u16(option, DNS_OPTION_KEEPALIVE, reply->keepalive);
    }
    if (reply->error != DNS_EDE_NONE) {
        (void)option_write_u16(option, DNS_OPTION_EDE, (uint16_t)reply->error);
    }
    return EDNS_OPT_LEN + len;
}

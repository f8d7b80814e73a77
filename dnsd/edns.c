#include "dnsd/edns.h"

#include <string.h>

#include "common/limits.h"
#include "common/wire.h"
#include "dnsd/dns.h"

#define EDNS_FLAG_DO   0x8000u
#define OPTION_FIXED   4u /* octets: code and length */
#define QUESTION_FIXED 4u /* type and class */
#define TIMEOUT_LEN    2u

_Static_assert(DNS_HEADER + LIMIT_NAME_WIRE + 4 + EDNS_OPT_MAX <= 512,
               "whatever is asked, the smallest message holds the question and OPT");
_Static_assert(DNS_HEADER + LIMIT_NAME_WIRE + 4 + LIMIT_RRSET + EDNS_OPT_MAX <= LIMIT_DNS_MESSAGE,
               "whatever is asked, the largest message holds an RRset besides");

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
                       unsigned known)
{
    switch (code) {
    case DNS_OPTION_NSID: /* whatever its data, RFC 5001 2.1 */
        edns->nsid = edns->options = true;
        return 0;
    case DNS_OPTION_COOKIE:
        if ((known & EDNS_COOKIE) == 0 || edns->cookie_len > 0) { /* the first, RFC 7873 5.2 */
            return 0;
        }
        if (!is_cookie_len(len)) {
            return ERR_MALFORMED;
        }
        edns->cookie = data;
        edns->cookie_len = (uint8_t)len;
        edns->options = true;
        return 0;
    case DNS_OPTION_KEEPALIVE:
        if ((known & EDNS_KEEPALIVE) == 0) {
            return 0;
        }
        edns->keepalive = edns->options = true;
        return len == 0 ? 0 : ERR_MALFORMED; /* a client has no time-out to tell, 3.2.1 */
    default:
        return 0;
    }
}

/* Broken off where an option is longer than what is left, the record is none. */
static int options_parse(struct edns *edns, const uint8_t *rdata, size_t len, unsigned known)
{
    int ret = 0;

    while (len > 0) {
        size_t data_len = len < OPTION_FIXED ? 0 : wire_read_u16(rdata + 2);

        if (len < OPTION_FIXED || data_len > len - OPTION_FIXED) {
            edns->present = false;
            return ERR_MALFORMED;
        }
        if (take_option(edns, wire_read_u16(rdata), rdata + OPTION_FIXED, data_len, known) < 0) {
            ret = ERR_MALFORMED;
        }
        rdata += OPTION_FIXED + data_len;
        len -= OPTION_FIXED + data_len;
    }
    return ret;
}

/* fixed: at the type of an OPT record whose rdata is known to be there. */
static int take_opt(struct edns *edns, const uint8_t *fixed, size_t rdata_len, unsigned known)
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
    return options_parse(edns, fixed + DNS_RR_FIXED, rdata_len, known);
}

/* The position behind all questions, 0 where they do not parse. */
static size_t skip_questions(const uint8_t *msg, size_t len)
{
    size_t pos = DNS_HEADER;

    for (uint16_t count = wire_read_u16(msg + 4); count > 0; count--) {
        int owner = skip_owner(msg, len, pos);

        if (owner < 0 || len - pos - (size_t)owner < QUESTION_FIXED) {
            return 0;
        }
        pos += (size_t)owner + QUESTION_FIXED;
    }
    return pos;
}

/* Whether a query (not so an UPDATE) has more in it than one ever needs: to walk through that would
 * cost more than an answer. */
static bool is_crowded(const uint8_t *msg, size_t pos, uint32_t records)
{
    uint32_t questions = pos == DNS_HEADER ? wire_read_u16(msg + 4) : 0;

    return questions + records > LIMIT_QUERY_RECORDS && (msg[2] & DNS_FLAG_OPCODE) == 0;
}

int edns_parse(struct edns *edns, const uint8_t *msg, size_t len, size_t pos, unsigned known)
{
    uint32_t before = (uint32_t)wire_read_u16(msg + 6) + wire_read_u16(msg + 8);
    uint32_t total = before + wire_read_u16(msg + 10);

    memset(edns, 0, sizeof(*edns));
    if (is_crowded(msg, pos, total)) {
        return ERR_MALFORMED;
    }
    if (pos == DNS_HEADER && (pos = skip_questions(msg, len)) == 0) {
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
            (i < before || owner != 1 || take_opt(edns, fixed, rdata_len, known) < 0)) {
            return ERR_MALFORMED;
        }
    }
    return pos == len ? 0 : ERR_MALFORMED;
}

void edns_measure(struct edns_reply *reply)
{
    reply->options_len = (uint16_t)((reply->cookie != NULL ? OPTION_FIXED + COOKIE_FULL : 0) +
                                    (reply->nsid_len > 0 ? OPTION_FIXED + reply->nsid_len : 0) +
                                    (reply->tell_keepalive ? OPTION_FIXED + TIMEOUT_LEN : 0));
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

static uint8_t *options_write(uint8_t *dst, const struct edns_reply *reply)
{
    if (reply->nsid_len > 0) {
        dst = option_write(dst, DNS_OPTION_NSID, reply->nsid, reply->nsid_len);
    }
    if (reply->cookie != NULL) {
        dst = option_write(dst, DNS_OPTION_COOKIE, reply->cookie, COOKIE_FULL);
    }
    if (reply->tell_keepalive) {
        dst = option_write_u16(dst, DNS_OPTION_KEEPALIVE, reply->keepalive);
    }
    return dst;
}

size_t edns_write(uint8_t *dst, unsigned rcode, enum dns_ede error, const struct edns_reply *reply)
{
    uint8_t *end = dst + EDNS_OPT_LEN;

    dst[0] = 0;
    wire_write_u16(dst + 1, DNS_TYPE_OPT);
    wire_write_u16(dst + 3, reply->payload);
    wire_write_u32(dst + 5, (uint32_t)(rcode >> 4) << 24 | (reply->dnssec_ok ? EDNS_FLAG_DO : 0));
    if (reply->options_len > 0) {
        end = options_write(end, reply);
    }
    if (error != DNS_EDE_NONE) {
        end = option_write_u16(end, DNS_OPTION_EDE, (uint16_t)error);
    }
    wire_write_u16(dst + 9, (uint16_t)(end - dst - EDNS_OPT_LEN));
    return (size_t)(end - dst);
}

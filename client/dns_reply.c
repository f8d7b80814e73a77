#include "client/dns_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"

#define OPTION_EDE 15 /* RFC 8914 */

void dns_say(char reason[static DNS_REASON], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason, DNS_REASON, format, args);
    va_end(args);
}

unsigned dns_reply_code(const ldns_pkt *pkt)
{
    return (unsigned)ldns_pkt_get_rcode(pkt) | (unsigned)ldns_pkt_edns_extended_rcode(pkt) << 4;
}

void dns_reply_code_text(char dst[static 32], unsigned code)
{
    static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                        "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                        "NXRRSET", "NOTAUTH", "NOTZONE"};

    if (code < sizeof names / sizeof *names) {
        (void)snprintf(dst, 32, "%s", names[code]);
    } else {
        (void)snprintf(dst, 32, "response code %u", code);
    }
}

static const char *extended_name(unsigned code)
{
    static const char *const names[] = {
        [1] = "unsupported algorithm of keys",
        [2] = "unsupported kind of DS",
        [3] = "stale answer",
        [5] = "DNSSEC indeterminate",
        [6] = "DNSSEC bogus",
        [7] = "signature expired",
        [8] = "signature not yet valid",
        [9] = "DNSKEY missing",
        [10] = "signatures missing",
        [11] = "no zone key",
        [12] = "proof of absence missing",
        [15] = "blocked",
        [16] = "censored",
        [17] = "filtered",
        [18] = "prohibited",
        [20] = "not authoritative",
        [21] = "not supported",
        [22] = "no nameserver can be reached",
        [23] = "network error",
        [24] = "invalid data",
    };

    return code < sizeof names / sizeof *names && names[code] != NULL ? names[code] : "other error";
}

void dns_reply_extended(char *dst, size_t size, const ldns_pkt *pkt)
{
    const ldns_rdf *rdf = ldns_pkt_edns_data(pkt);
    const uint8_t *at = rdf != NULL ? ldns_rdf_data(rdf) : NULL;
    size_t left = at != NULL ? ldns_rdf_size(rdf) : 0;

    *dst = '\0';
    while (left >= 4) {
        size_t len = wire_read_u16(at + 2);
        char text[128] = "";
        size_t count = 0;

        if (len > left - 4) {
            return;
        }
        if (wire_read_u16(at) != OPTION_EDE || len < 2) {
            at += 4 + len;
            left -= 4 + len;
            continue;
        }
        for (size_t i = 2; i < len && count < sizeof text - 1; i++) {
            const uint8_t c = at[4 + i];

            text[count++] = c >= ' ' && c < 127 ? (char)c : '?';
        }
        text[count] = '\0';
        (void)snprintf(dst, size, " (%s%s%s)", extended_name(wire_read_u16(at + 4)),
                       count > 0 ? ": " : "", text);
        return;
    }
}

/* RFC 6672 2.2: what stands before the DNAME's owner, and its target. */
static bool substitute(uint8_t dst[static LIMIT_NAME_WIRE], const uint8_t *name,
                       const uint8_t *owner, const uint8_t *target)
{
    size_t head = name_len(name) - name_len(owner), tail = name_len(target);

    if (tail > LIMIT_NAME_WIRE - head) {
        return false;
    }
    memcpy(dst, name, head);
    memmove(dst + head, target, tail);
    return true;
}

static bool find_dname(struct dns_found *out, const ldns_pkt *pkt, const uint8_t *name)
{
    uint8_t target[LIMIT_NAME_WIRE];

    for (const uint8_t *above = name_parent(name); above != NULL; above = name_parent(above)) {
        size_t at = 0;
        const ldns_rr *rr = dnsmsg_find(ldns_pkt_answer(pkt), above, LDNS_RR_TYPE_DNAME, &at);

        if (rr == NULL) {
            continue;
        }
        (void)name_lower(out->by, above);
        out->by_type = LDNS_RR_TYPE_DNAME;
        out->step = dnsmsg_name(target, rr, 0) == 0 && substitute(out->target, name, above, target)
                        ? DNS_STEP_ALIAS
                        : DNS_STEP_INVALID;
        return true;
    }
    return false;
}

void dns_reply_find(struct dns_found *out, const ldns_pkt *pkt, const uint8_t *name, uint16_t type)
{
    const ldns_rr_list *answer = ldns_pkt_answer(pkt);
    const ldns_rr *rr;
    size_t at = 0;

    out->step = DNS_STEP_SILENT;
    if (dnsmsg_find(answer, name, type, &at) != NULL) {
        out->step = DNS_STEP_FOUND;
        return;
    }
    /* A CNAME beside it is made from the DNAME, and not signed (RFC 6672 5.3.1). */
    if (find_dname(out, pkt, name)) {
        return;
    }
    at = 0;
    if ((rr = dnsmsg_find(answer, name, LDNS_RR_TYPE_CNAME, &at)) != NULL) {
        (void)name_lower(out->by, name);
        out->by_type = LDNS_RR_TYPE_CNAME;
        out->step = dnsmsg_name(out->target, rr, 0) == 0 ? DNS_STEP_ALIAS : DNS_STEP_INVALID;
    }
}

/* The original TTL of signatures (RFC 4034 3.1.4), where it is the longer one. */
static uint32_t zone_ttl(const ldns_rr_list *list, const uint8_t *name, uint16_t type, uint32_t ttl)
{
    const ldns_rr *sig;
    size_t at = 0;

    while ((sig = dnsmsg_find(list, name, LDNS_RR_TYPE_RRSIG, &at)) != NULL) {
        const ldns_rdf *original = ldns_rr_rrsig_origttl(sig);

        if (original != NULL && ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(sig)) == type &&
            ldns_rdf2native_int32(original) > ttl) {
            ttl = ldns_rdf2native_int32(original);
        }
    }
    return ttl;
}

bool dns_reply_negative_ttl(uint32_t *ttl, const ldns_pkt *pkt, const uint8_t *name)
{
    for (const uint8_t *at = name; at != NULL; at = name_parent(at)) {
        size_t pos = 0;
        const ldns_rr *rr = dnsmsg_find(ldns_pkt_authority(pkt), at, LDNS_RR_TYPE_SOA, &pos);
        uint32_t minimum, whole;

        if (rr == NULL || ldns_rr_rd_count(rr) != 7) {
            continue;
        }
        minimum = ldns_rdf2native_int32(ldns_rr_rdf(rr, 6));
        whole = zone_ttl(ldns_pkt_authority(pkt), at, LDNS_RR_TYPE_SOA, ldns_rr_ttl(rr));
        *ttl = whole < minimum ? whole : minimum;
        return true;
    }
    return false;
}

int dns_reply_records(struct dns_answer *out, const ldns_pkt *pkt, const uint8_t *name,
                      uint16_t type)
{
    const ldns_rr_list *list = ldns_pkt_answer(pkt);
    size_t total = ldns_rr_list_rr_count(list), at = 0, used = 0;
    const ldns_rr *rr;
    uint8_t *held = malloc(LIMIT_DNS_MESSAGE);
    int len;

    free(out->held);
    free(out->records);
    out->held = held;
    out->count = 0;
    out->records = calloc(total + 1, sizeof *out->records);
    if (held == NULL || out->records == NULL) {
        return -ENOMEM;
    }
    while ((rr = dnsmsg_find(list, name, type, &at)) != NULL) {
        if ((len = dnsmsg_rdata(held + used, LIMIT_DNS_MESSAGE - used, rr)) < 0) {
            return len;
        }
        out->records[out->count++] =
            (struct dns_record){.rdata = held + used,
                                .len = (size_t)len,
                                .ttl = ldns_rr_ttl(rr),
                                .zone_ttl = zone_ttl(list, name, type, ldns_rr_ttl(rr))};
        used += (size_t)len;
    }
    return 0;
}

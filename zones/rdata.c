#include "zones/rdata.h"

#include <ldns/rr.h>

#include "zones/name.h"

/* Whether rdata is before octets, count names, and after octets. */
static bool has_names(const uint8_t *rdata, size_t len, size_t before, unsigned count, size_t after)
{
    if (before > len) {
        return false;
    }
    rdata += before;
    len -= before;
    while (count-- > 0) {
        int name = name_measure(rdata, len);
        if (name < 0) {
            return false;
        }
        rdata += name;
        len -= (size_t)name;
    }
    return len == after;
}

static bool is_strings(const uint8_t *rdata, size_t len)
{
    const uint8_t *end = rdata + len;

    if (len == 0) {
        return false;
    }
    while (rdata < end) {
        size_t string = *rdata++;
        if (string > (size_t)(end - rdata)) {
            return false;
        }
        rdata += string;
    }
    return true;
}

bool rdata_valid(uint16_t type, const uint8_t *rdata, size_t len)
{
    switch (type) {
    case LDNS_RR_TYPE_TXT:
        return is_strings(rdata, len);
    case LDNS_RR_TYPE_A:
        return len == 4;
    case LDNS_RR_TYPE_AAAA:
        return len == 16;
    case LDNS_RR_TYPE_NS:
    case LDNS_RR_TYPE_CNAME:
    case LDNS_RR_TYPE_DNAME:
    case LDNS_RR_TYPE_PTR:
        return has_names(rdata, len, 0, 1, 0);
    case LDNS_RR_TYPE_MX:
        return has_names(rdata, len, 2, 1, 0);
    case LDNS_RR_TYPE_SRV:
        return has_names(rdata, len, 6, 1, 0);
    case LDNS_RR_TYPE_SOA:
        return has_names(rdata, len, 0, 2, 20);
    default:
        return true;
    }
}

/* Octets before the names and behind them, for the types whose names fold (RFC 4034 6.2). */
static bool find_names(uint16_t type, const uint8_t *rdata, size_t len, size_t *before,
                       size_t *after)
{
    *before = *after = 0;
    switch (type) {
    case LDNS_RR_TYPE_NS:
    case LDNS_RR_TYPE_MD:
    case LDNS_RR_TYPE_MF:
    case LDNS_RR_TYPE_CNAME:
    case LDNS_RR_TYPE_MB:
    case LDNS_RR_TYPE_MG:
    case LDNS_RR_TYPE_MR:
    case LDNS_RR_TYPE_PTR:
    case LDNS_RR_TYPE_MINFO:
    case LDNS_RR_TYPE_RP:
    case LDNS_RR_TYPE_DNAME:
        return true;
    case LDNS_RR_TYPE_MX:
    case LDNS_RR_TYPE_AFSDB:
    case LDNS_RR_TYPE_RT:
    case LDNS_RR_TYPE_PX:
    case LDNS_RR_TYPE_KX:
        *before = 2;
        return len >= 2;
    case LDNS_RR_TYPE_SRV:
        *before = 6;
        return len >= 6;
    case LDNS_RR_TYPE_SOA:
        *after = 20;
        return len >= 20;
    case LDNS_RR_TYPE_NAPTR: /* two integers and three strings come first (RFC 3403 4.1) */
        *before = 4;
        for (int i = 0; i < 3; i++) {
            if (*before >= len || rdata[*before] >= len - *before) {
                return false;
            }
            *before += 1u + rdata[*before];
        }
        return true;
    default:
        return false;
    }
}

/* Length octets of labels are at most 63, and so no letters. */
static uint8_t fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

int rdata_compare(uint16_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t shorter = a_len < b_len ? a_len : b_len, a_from, a_after, b_from, b_after;
    bool a_folds = find_names(type, a, a_len, &a_from, &a_after);
    bool b_folds = find_names(type, b, b_len, &b_from, &b_after);

    for (size_t i = 0; i < shorter; i++) {
        uint8_t x = a_folds && i >= a_from && i < a_len - a_after ? fold(a[i]) : a[i];
        uint8_t y = b_folds && i >= b_from && i < b_len - b_after ? fold(b[i]) : b[i];
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (a_len > b_len) - (a_len < b_len);
}

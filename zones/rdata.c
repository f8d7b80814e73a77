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

/*
 * The static part that stands in for a zone file: an SOA and the NS records.
 */
#include <errno.h>
#include <ldns/rr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"
#include "zones/zone_static.h"

#define DEFAULT_TTL     3600
#define DEFAULT_REFRESH 3600
#define DEFAULT_RETRY   600
#define DEFAULT_EXPIRE  604800
#define DEFAULT_MINIMUM 60 /* a resolver that asked too early may ask again soon */

/* "first.last@example.com" as first\.last.example.com (RFC 1035 8); without @ it is a name. */
static int mailbox_name(uint8_t dst[static LIMIT_NAME_WIRE], const char *mailbox)
{
    const char *at = strrchr(mailbox, '@');
    uint8_t domain[LIMIT_NAME_WIRE];

    if (at == NULL) {
        return name_from_text(dst, mailbox);
    }
    size_t local = (size_t)(at - mailbox);
    int len = name_from_text(domain, at + 1);
    if (len < 0) {
        return len;
    }
    if (local == 0 || local > LIMIT_LABEL || (size_t)len > LIMIT_NAME_WIRE - 1 - local) {
        return ERR_MALFORMED;
    }
    dst[0] = (uint8_t)local;
    memcpy(dst + 1, mailbox, local);
    memcpy(dst + 1 + local, domain, (size_t)len);
    return (int)local + 1 + len;
}

static int hostmaster_name(uint8_t dst[static LIMIT_NAME_WIRE], const char *hostmaster,
                           const struct zone_static *s)
{
    static const uint8_t label[] = "\012hostmaster";
    size_t head = sizeof(label) - 1;

    if (hostmaster != NULL) {
        return mailbox_name(dst, hostmaster);
    }
    if (s->apex_len > LIMIT_NAME_WIRE - head) {
        return ERR_LIMIT;
    }
    memcpy(dst, label, head);
    memcpy(dst + head, s->apex, s->apex_len);
    return (int)(head + s->apex_len);
}

static int add_soa(struct zone_static *s, const char *apex, const struct zone_defaults *defaults,
                   struct err *err)
{
    uint8_t rdata[2 * LIMIT_NAME_WIRE + 20];
    int len = name_from_text(rdata, defaults->nameservers[0]);
    if (len < 0) {
        return err_set(err, ERR_MALFORMED, "zone %.253s: nameserver \"%.253s\": not a domain name",
                       apex, defaults->nameservers[0]);
    }
    int more = hostmaster_name(rdata + len, defaults->hostmaster, s);
    if (more < 0) {
        return err_set(err, ERR_MALFORMED,
                       "zone %.253s: hostmaster \"%.253s\": neither a mail address nor a name",
                       apex, defaults->hostmaster == NULL ? "hostmaster" : defaults->hostmaster);
    }
    uint8_t *p = rdata + len + more;
    wire_write_u32(p, 0); /* the serial: image_build writes it */
    wire_write_u32(p + 4, DEFAULT_REFRESH);
    wire_write_u32(p + 8, DEFAULT_RETRY);
    wire_write_u32(p + 12, DEFAULT_EXPIRE);
    wire_write_u32(p + 16, DEFAULT_MINIMUM);
    struct static_input in = {.name = s->apex,
                              .type = LDNS_RR_TYPE_SOA,
                              .ttl = DEFAULT_TTL,
                              .rdata = rdata,
                              .rdata_len = (size_t)(len + more + 20)};
    return zone_static_add(s, &in, apex, err);
}

static int add_nameserver(struct zone_static *s, const char *apex, const char *nameserver,
                          struct err *err)
{
    uint8_t rdata[LIMIT_NAME_WIRE];
    int len = name_from_text(rdata, nameserver);

    if (len < 0) {
        return err_set(err, ERR_MALFORMED, "zone %.253s: nameserver \"%.253s\": not a domain name",
                       apex, nameserver);
    }
    if (name_within(rdata, s->apex)) {
        return err_set(
            err, ERR_RANGE,
            "zone %.253s: nameserver %.253s is inside the zone and has no address there: "
            "give the zone a file with NS and address records, or name a server outside",
            apex, nameserver);
    }
    struct static_input in = {.name = s->apex,
                              .type = LDNS_RR_TYPE_NS,
                              .ttl = DEFAULT_TTL,
                              .rdata = rdata,
                              .rdata_len = (size_t)len};
    return zone_static_add(s, &in, apex, err);
}

int zone_static_default(struct zone_static **out, const char *apex,
                        const struct zone_defaults *defaults, struct err *err)
{
    struct zone_static *s;
    int ret;

    if (defaults->nameserver_count == 0) {
        return err_set(err, ERR_RANGE, "zone %.253s: needs a file or at least one nameserver",
                       apex);
    }
    if ((ret = zone_static_new(&s, apex, err)) < 0) {
        return ret;
    }
    ret = add_soa(s, apex, defaults, err);
    for (size_t i = 0; ret == 0 && i < defaults->nameserver_count; i++) {
        ret = add_nameserver(s, apex, defaults->nameservers[i], err);
    }
    if (ret == 0) {
        ret = zone_static_finish(s, apex, err);
    }
    if (ret < 0) {
        zone_static_free(s);
        return ret;
    }
    *out = s;
    return 0;
}

/*
 * A zone in its editable form, kept by the issuer only: static RRsets from a zone
 * file (or made up from nameservers and hostmaster), and challenge values with an
 * owner and an expiry. image_build freezes one or more of these.
 *
 * A name holds a set of TXT values: adding one that is there is idempotent, removing
 * is by exact value. A value belongs to one or more owners (orders): it goes when the
 * last of them removed it or when its expiry has passed.
 */
#ifndef CERTMILL_ZONES_ZONE_H
#define CERTMILL_ZONES_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

struct zone;

/* The static part, parsed and checked: replaced as a whole on reload. */
struct zone_static;

struct zone_defaults {
    const char *const *nameservers; /* presentation form; at least one */
    size_t nameserver_count;
    const char *hostmaster; /* "hostmaster@example.com" or a name; NULL: hostmaster.APEX */
};

/* Reads a zone file by ldns. text need not be terminated. name (a path) stands in err with
 * the line: syntax error, record out of zone, class other than IN, no SOA or several, no NS at the
 * apex, CNAME beside other data (RFC 2181 10.1), data below a DNAME, signatures, $INCLUDE, TTLs
 * that differ within an RRset (the smallest is taken, RFC 2181 5.2, no error). ERR_MALFORMED, or
 * ERR_LIMIT for a file or an RRset (LIMIT_RRSET) that is too large. */
int zone_static_parse(struct zone_static **out, const char *apex, const char *name,
                      const char *text, size_t len, struct err *err);
/* SOA and NS from defaults, in-zone nameservers without addresses refused. */
int zone_static_default(struct zone_static **out, const char *apex,
                        const struct zone_defaults *defaults, struct err *err);
void zone_static_free(struct zone_static *s);

/* Takes over s, but not where it fails. challenge_ttl: seconds, of every challenge TXT RRset of
 * this zone. -ENOMEM; ERR_RANGE for a TTL over 2^31 - 1 (RFC 2181 8). */
int zone_new(struct zone **out, struct zone_static *s, uint32_t challenge_ttl);
void zone_free(struct zone *zone);
/* Replaces the static part, frees the old one; challenge values stay, but are not answered where
 * the new part is in their way, or leaves them no room in a message. ERR_RANGE as zone_new, or for
 * another apex; s stays the caller's then. */
int zone_replace_static(struct zone *zone, struct zone_static *s, uint32_t challenge_ttl);

/* The apex in wire form, lower case; lives as long as the zone. */
const uint8_t *zone_apex(const struct zone *zone);

/* Adds value (1 to LIMIT_CHALLENGE_TXT octets) at owner name (wire, within the zone) for
 * an owner (order id); expires: seconds of the clock that zone_expire goes by; the latest counts.
 * Returns 1 where the zone changed, 0 where the value was there, ERR_LIMIT (also where the name's
 * TXT RRset would grow over LIMIT_RRSET), ERR_RANGE (out of zone, or a wildcard), ERR_EXISTS (a
 * static CNAME, delegation or DNAME is in the way), -ENOMEM. A value has at most LIMIT_ORDERS
 * owners, and LIMIT_CHALLENGES is for each zone. */
int zone_add(struct zone *zone, const uint8_t *name, const char *value, uint64_t owner,
             int64_t expires);
/* Takes owner's hold off the value. 1: the zone changed; 0: still held, or not there. */
int zone_remove(struct zone *zone, const uint8_t *name, const char *value, uint64_t owner);
/* Takes every hold of owner off. Returns how many values went. */
size_t zone_remove_owner(struct zone *zone, uint64_t owner);
/* Removes what expired at or before now (seconds). Returns how many values went. */
size_t zone_expire(struct zone *zone, int64_t now);
/* When the next value expires; INT64_MAX where none is there. */
int64_t zone_next_expiry(const struct zone *zone);
/* Live challenge values; and a call for each and each of its owners, in canonical order of names.
 */
size_t zone_challenge_count(const struct zone *zone);
typedef void zone_challenge_fn(void *arg, const uint8_t *name, const char *value, uint64_t owner,
                               int64_t expires);
void zone_each_challenge(const struct zone *zone, zone_challenge_fn *fn, void *arg);

#endif

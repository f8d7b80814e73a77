#include "client/rollover.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/tlsa.h"
#include "client/tlsa_print.h"
#include "common/encode.h"

void rollover_clear(struct rollover *rollover)
{
    free(rollover->owners);
    *rollover = (struct rollover){0};
}

static int digest(char dst[static ROLLOVER_DIGEST + 1], const uint8_t *spki, size_t len)
{
    uint8_t octets[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    if (EVP_Digest(spki, len, octets, &n, EVP_sha256(), NULL) != 1 || n * 2 != ROLLOVER_DIGEST) {
        return ERR_CRYPTO;
    }
    hex_encode(dst, octets, n);
    return 0;
}

int rollover_begin(struct rollover *out, const uint8_t *spki, size_t len, int64_t now,
                   struct err *err)
{
    *out = (struct rollover){.staged = now};
    return digest(out->key, spki, len) < 0 ? err_set(err, ERR_CRYPTO, "a digest could not be made")
                                           : 0;
}

bool rollover_is_of(const struct rollover *rollover, const uint8_t *spki, size_t len)
{
    char key[ROLLOVER_DIGEST + 1];
    return digest(key, spki, len) == 0 && strcmp(key, rollover->key) == 0;
}

int rollover_watch(struct rollover *rollover, const struct tlsa_service *service, struct err *err)
{
    for (size_t i = 0; i < rollover->service_count; i++) {
        const struct tlsa_service *s = &rollover->services[i];
        if (s->port == service->port && strcmp(s->protocol, service->protocol) == 0) {
            return 0;
        }
    }
    if (rollover->service_count == LIMIT_ROLLOVER_SERVICES) {
        return err_set(err, ERR_LIMIT, "more than %d services of one key cannot be watched",
                       LIMIT_ROLLOVER_SERVICES);
    }
    rollover->services[rollover->service_count++] = *service;
    return 0;
}

static struct rollover_owner *find(const struct rollover *rollover, const char *owner)
{
    for (size_t i = 0; i < rollover->count; i++) {
        if (strcasecmp(rollover->owners[i].name, owner) == 0) {
            return &rollover->owners[i];
        }
    }
    return NULL;
}

const struct rollover_owner *rollover_find(const struct rollover *rollover, const char *owner)
{
    return find(rollover, owner);
}

int rollover_saw(struct rollover *rollover, const char *owner, enum rollover_sight sight,
                 uint32_t ttl, int64_t now)
{
    struct rollover_owner *o = find(rollover, owner);
    if (o == NULL) {
        struct rollover_owner *owners =
            realloc(rollover->owners, (rollover->count + 1) * sizeof(*owners));
        if (owners == NULL) {
            return -ENOMEM;
        }
        rollover->owners = owners;
        o = &owners[rollover->count++];
        *o = (struct rollover_owner){0};
        snprintf(o->name, sizeof(o->name), "%s", owner);
    }
    if (sight != ROLLOVER_UNKNOWN) {
        bool began = sight == ROLLOVER_OTHER || o->since == 0 || o->since > now ||
                     (o->sight != sight && o->sight != ROLLOVER_UNKNOWN);
        o->since = sight == ROLLOVER_OTHER ? 0 : began ? now : o->since;
        o->others = o->others || sight == ROLLOVER_OTHER;
        ttl = ttl > LIMIT_ROLLOVER_TTL ? LIMIT_ROLLOVER_TTL : ttl;
        o->ttl = ttl > o->ttl ? ttl : o->ttl;
    }
    o->sight = sight;
    o->looked = true;
    return 0;
}

void rollover_forget_others(struct rollover *rollover)
{
    size_t kept = 0;
    for (size_t i = 0; i < rollover->count; i++) {
        if (rollover->owners[i].looked) {
            rollover->owners[kept++] = rollover->owners[i];
        }
    }
    rollover->count = kept;
}

static int64_t after(const struct rollover_owner *owner, int ttls)
{
    if (owner->since == 0) {
        return 0;
    }
    /* Names that never had records are not waited for: no cache holds any. */
    bool waits = owner->sight == ROLLOVER_THERE || owner->others;
    return owner->since + (waits ? (int64_t)owner->ttl * ttls : 0);
}

int64_t rollover_expired(const struct rollover_owner *owner)
{
    return after(owner, 1);
}

int64_t rollover_possible(const struct rollover_owner *owner)
{
    return after(owner, ROLLOVER_TTLS);
}

/* One owner: 0, ERR_LATER, or what keeps it from being known. */
static int owner_ready(const struct rollover_owner *o, const char *name, int64_t now, int64_t *at,
                       struct err *err)
{
    char time[32];
    if (o == NULL || o->sight == ROLLOVER_UNKNOWN) {
        return err_set(err, ERR_UNAVAILABLE,
                       "%s could not be looked up, so that nobody knows what clients would find",
                       name);
    }
    if (o->sight == ROLLOVER_OTHER) {
        return err_set(err, ERR_NOT_FOUND,
                       "%s has TLSA records, but not all of the staged key's: certmill key status "
                       "shows which to add; without them clients would refuse the new key",
                       name);
    }
    int64_t possible = rollover_possible(o);
    if (possible <= now) {
        return 0;
    }
    *at = possible > *at ? possible : *at;
    tlsa_time_local(time, possible);
    return err_set(err, ERR_LATER,
                   "%s: caches may still hold the records from before (TTL %u s; two of them, RFC "
                   "7671 8.1): the key can be activated from %s on",
                   name, o->ttl, time);
}

static int service_ready(const struct rollover *rollover, const struct tlsa_service *service,
                         const struct set *set, int64_t now, int64_t *at, struct err *err)
{
    bool any = false, host = false;
    int later = 0;
    struct err later_err = {0};
    for (size_t i = 0; i < set->count; i++) {
        char owner[LIMIT_DOMAIN_TEXT + 1];
        int64_t this_at = *at;
        if (tlsa_is_wildcard(set->names[i]) ||
            tlsa_owner(owner, service->port, service->protocol, set->names[i], NULL) < 0) {
            continue;
        }
        host = true;
        const struct rollover_owner *o = rollover_find(rollover, owner);
        int ret = owner_ready(o, owner, now, &this_at, err);
        if (ret < 0 && ret != ERR_LATER) {
            return ret;
        }
        if (ret == ERR_LATER && this_at > *at) {
            later_err = *err;
        }
        later = ret == ERR_LATER ? ret : later;
        *at = this_at;
        any = any || (o != NULL && o->sight == ROLLOVER_THERE);
    }
    if (!host) {
        return err_set(
            err, ERR_NOT_FOUND,
            "no name of the set has TLSA records of its own (those of wildcards are "
            "under each host's name, RFC 6698 A.2.1.3), so that nobody knows what clients "
            "would find: put a host's name into the set");
    }
    if (!any) {
        return err_set(err, ERR_NOT_FOUND,
                       "no name of the set has the staged key's records for port %d %s yet: "
                       "certmill key status shows which to add",
                       (int)service->port, service->protocol);
    }
    if (later < 0 && later_err.code != 0) {
        *err = later_err;
    }
    return later;
}

int rollover_ready(const struct rollover *rollover, const struct set *set, int64_t now, int64_t *at,
                   struct err *err)
{
    struct err later_err = {0};
    int later = 0;
    *at = 0;
    if (rollover->service_count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "no service is known whose TLSA records are to be looked at: certmill key "
                       "stage PORT PROTO names one");
    }
    for (size_t i = 0; i < rollover->service_count; i++) {
        int64_t before = *at;
        struct err this_err = {0};
        int ret = service_ready(rollover, &rollover->services[i], set, now, at, &this_err);
        if (ret < 0 && ret != ERR_LATER) {
            *err = this_err;
            return ret;
        }
        if (ret == ERR_LATER && (*at > before || later == 0)) {
            later_err = this_err;
        }
        later = ret < 0 ? ret : later;
    }
    if (later < 0) {
        *err = later_err;
    }
    return later;
}

const char *rollover_sight_name(enum rollover_sight sight)
{
    static const char *const names[ROLLOVER_SIGHTS] = {"unknown", "none", "other", "there"};
    return names[sight];
}

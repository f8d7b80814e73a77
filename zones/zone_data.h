/*
 * Inside zones/: how the editable zone keeps its challenge values.
 *
 * Three trees see the same values. By name, in canonical order: what image_build walks,
 * so that it need not sort. By expiry: so that the next one to go is at hand. By owner:
 * so that an order's values go without a search through everybody's.
 */
#ifndef CERTMILL_ZONES_ZONE_DATA_H
#define CERTMILL_ZONES_ZONE_DATA_H

#include <ldns/rbtree.h>
#include <stddef.h>
#include <stdint.h>

#include "zones/zone.h"
#include "zones/zone_static.h"

struct zone_value;
struct zone_owner_name;

/* An owner's hold on a value. */
struct zone_hold {
    ldns_rbnode_t by_owner; /* key: this struct, by owner and then by value */
    uint64_t owner;
    struct zone_value *value;
    struct zone_hold *next; /* of the same value */
};

struct zone_value {
    ldns_rbnode_t by_expiry; /* key: this struct, by time and then by address */
    int64_t expires;
    struct zone_owner_name *name;
    struct zone_value *next; /* of the same name */
    struct zone_hold *holds; /* at least one */
    uint32_t hold_count;
    uint8_t len;
    char text[]; /* terminated */
};

/* A name with at least one challenge value. */
struct zone_owner_name {
    ldns_rbnode_t by_key; /* key: this struct, in canonical order */
    struct zone_value *values;
    uint32_t value_count;
    uint16_t key_len;
    uint8_t name_len;
    uint8_t bytes[]; /* the key, then the name in wire form and lower case */
};

struct zone {
    struct zone_static *fixed;
    uint32_t challenge_ttl;
    size_t value_count;
    ldns_rbtree_t names, expiries, owners;
};

static inline const uint8_t *zone_owner_key(const struct zone_owner_name *name)
{
    return name->bytes;
}

static inline const uint8_t *zone_owner_wire(const struct zone_owner_name *name)
{
    return name->bytes + name->key_len;
}

#endif

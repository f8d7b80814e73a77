/*
 * Inside zones/: how the editable zone keeps its challenge values.
 *
 * Three orders of the same values. By name, in canonical order (zone_names.h): what image_build
 * walks, so that it need not sort. By expiry: so that the next one to go is at hand. By owner: so
 * that an order's values go without a search through everybody's.
 */
#ifndef CERTMILL_ZONES_ZONE_DATA_H
#define CERTMILL_ZONES_ZONE_DATA_H

#include <ldns/rbtree.h>
#include <stddef.h>
#include <stdint.h>

#include "zones/zone.h"
#include "zones/zone_names.h"
#include "zones/zone_static.h"

struct zone_value;

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

struct zone {
    struct zone_static *fixed;
    uint32_t challenge_ttl;
    size_t value_count;
    struct zone_names names;
    ldns_rbtree_t expiries, owners;
};

#endif

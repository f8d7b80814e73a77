#include "zones/zone.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "zones/image_format.h"
#include "zones/name.h"
#include "zones/zone_data.h"

static int compare_addresses(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static int compare_expiries(const void *left, const void *right)
{
    const struct zone_value *a = left, *b = right;

    if (a->expires != b->expires) {
        return a->expires < b->expires ? -1 : 1;
    }
    return compare_addresses(a, b);
}

static int compare_owners(const void *left, const void *right)
{
    const struct zone_hold *a = left, *b = right;

    if (a->owner != b->owner) {
        return a->owner < b->owner ? -1 : 1;
    }
    return compare_addresses(a->value, b->value);
}

int zone_new(struct zone **out, struct zone_static *s, uint32_t challenge_ttl)
{
    if (challenge_ttl > INT32_MAX) {
        return ERR_RANGE;
    }
    struct zone *zone = calloc(1, sizeof(*zone));
    if (zone == NULL) {
        return -ENOMEM;
    }
    zone->fixed = s;
    zone->challenge_ttl = challenge_ttl;
    ldns_rbtree_init(&zone->expiries, compare_expiries);
    ldns_rbtree_init(&zone->owners, compare_owners);
    *out = zone;
    return 0;
}

/* Frees a name with its values and their holds, without regard for the orders. */
static void free_name(struct zone_owner_name *name)
{
    while (name->values != NULL) {
        struct zone_value *value = name->values;
        name->values = value->next;
        while (value->holds != NULL) {
            struct zone_hold *hold = value->holds;
            value->holds = hold->next;
            free(hold);
        }
        free(value);
    }
    free(name);
}

void zone_free(struct zone *zone)
{
    if (zone == NULL) {
        return;
    }
    struct zone_names_cursor cursor = {0};
    struct zone_owner_name *name;
    while ((name = zone_names_next(&zone->names, &cursor)) != NULL) {
        free_name(name);
    }
    zone_names_clear(&zone->names);
    zone_static_free(zone->fixed);
    free(zone);
}

int zone_replace_static(struct zone *zone, struct zone_static *s, uint32_t challenge_ttl)
{
    if (challenge_ttl > INT32_MAX || !name_equal(s->apex, zone->fixed->apex)) {
        return ERR_RANGE;
    }
    if (s != zone->fixed) {
        zone_static_free(zone->fixed);
    }
    zone->fixed = s;
    zone->challenge_ttl = challenge_ttl;
    return 0;
}

const uint8_t *zone_apex(const struct zone *zone)
{
    return zone->fixed->apex;
}

/* -- finding -- */

static struct zone_owner_name *find_name(const struct zone *zone, const uint8_t *name)
{
    uint8_t key[NAME_KEY_MAX];
    size_t key_len = name_key(key, name);

    return zone_names_find(&zone->names, key, key_len);
}

static struct zone_value *find_value(const struct zone_owner_name *name, const char *text,
                                     size_t len)
{
    for (struct zone_value *value = name->values; value != NULL; value = value->next) {
        if (value->len == len && memcmp(value->text, text, len) == 0) {
            return value;
        }
    }
    return NULL;
}

static struct zone_hold *find_hold(const struct zone *zone, struct zone_value *value,
                                   uint64_t owner)
{
    struct zone_hold probe = {.owner = owner, .value = value};
    /* ldns takes no const tree here, but only reads it. */
    ldns_rbnode_t *node = ldns_rbtree_search((ldns_rbtree_t *)&zone->owners, &probe);

    return node == NULL ? NULL : (struct zone_hold *)node->key;
}

/* -- adding -- */

static struct zone_owner_name *add_name(struct zone *zone, const uint8_t *lower)
{
    uint8_t key[NAME_KEY_MAX];
    size_t key_len = name_key(key, lower), len = name_len(lower);
    struct zone_owner_name *name = calloc(1, sizeof(*name) + key_len + len);

    if (name == NULL) {
        return NULL;
    }
    name->key_len = (uint16_t)key_len;
    name->name_len = (uint8_t)len;
    memcpy(name->bytes, key, key_len);
    memcpy(name->bytes + key_len, lower, len);
    if (zone_names_insert(&zone->names, name) < 0) {
        free(name);
        return NULL;
    }
    return name;
}

static void drop_name(struct zone *zone, struct zone_owner_name *name)
{
    zone_names_remove(&zone->names, name);
    free(name);
}

static int add_hold(struct zone *zone, struct zone_value *value, uint64_t owner)
{
    if (value->hold_count >= LIMIT_ORDERS) {
        return ERR_LIMIT;
    }
    struct zone_hold *hold = calloc(1, sizeof(*hold));
    if (hold == NULL) {
        return -ENOMEM;
    }
    hold->owner = owner;
    hold->value = value;
    hold->next = value->holds;
    value->holds = hold;
    value->hold_count++;
    hold->by_owner.key = hold;
    ldns_rbtree_insert(&zone->owners, &hold->by_owner);
    return 0;
}

static void set_expiry(struct zone *zone, struct zone_value *value, int64_t expires)
{
    ldns_rbtree_delete(&zone->expiries, value);
    value->expires = expires;
    ldns_rbtree_insert(&zone->expiries, &value->by_expiry);
}

static int add_value(struct zone *zone, struct zone_owner_name *name, const char *text, size_t len,
                     uint64_t owner, int64_t expires)
{
    struct zone_value *value = calloc(1, sizeof(*value) + len + 1);
    int ret;

    if (value == NULL) {
        return -ENOMEM;
    }
    memcpy(value->text, text, len);
    value->len = (uint8_t)len;
    value->expires = expires;
    value->name = name;
    if ((ret = add_hold(zone, value, owner)) < 0) {
        free(value);
        return ret;
    }
    value->next = name->values;
    name->values = value;
    name->value_count++;
    zone->value_count++;
    value->by_expiry.key = value;
    ldns_rbtree_insert(&zone->expiries, &value->by_expiry);
    return 1;
}

static int renew_value(struct zone *zone, struct zone_value *value, uint64_t owner, int64_t expires)
{
    if (find_hold(zone, value, owner) == NULL) {
        int ret = add_hold(zone, value, owner);
        if (ret < 0) {
            return ret;
        }
    }
    if (expires > value->expires) {
        set_expiry(zone, value, expires);
    }
    return 0;
}

static size_t txt_octets(size_t len)
{
    return IMAGE_RR_HEAD + 1 + len;
}

/* Whether the TXT RRset of lower holds another value of len octets: the static records and those of
 * node, which may be NULL, go into one message with it. */
static bool has_room(const struct zone *zone, const uint8_t *lower,
                     const struct zone_owner_name *node, size_t len)
{
    size_t octets = zone_static_octets(zone->fixed, lower, LDNS_RR_TYPE_TXT) + txt_octets(len);
    size_t count = node == NULL ? 0 : node->value_count;

    if (octets + count * txt_octets(LIMIT_CHALLENGE_TXT) <= LIMIT_RRSET) {
        return true;
    }
    for (const struct zone_value *v = node == NULL ? NULL : node->values; v != NULL; v = v->next) {
        octets += txt_octets(v->len);
    }
    return octets <= LIMIT_RRSET;
}

int zone_add(struct zone *zone, const uint8_t *name, const char *value, uint64_t owner,
             int64_t expires)
{
    uint8_t lower[LIMIT_NAME_WIRE];
    size_t len = strnlen(value, LIMIT_CHALLENGE_TXT + 1);

    if (len == 0 || len > LIMIT_CHALLENGE_TXT) {
        return ERR_LIMIT;
    }
    if (!name_within(name, zone_apex(zone)) || (name[0] == 1 && name[1] == '*')) {
        return ERR_RANGE;
    }
    name_lower(lower, name);
    if (zone_static_blocks(zone->fixed, lower)) {
        return ERR_EXISTS;
    }

    struct zone_owner_name *node = find_name(zone, lower);
    struct zone_value *found = node == NULL ? NULL : find_value(node, value, len);
    if (found != NULL) {
        return renew_value(zone, found, owner, expires);
    }
    if (zone->value_count >= LIMIT_CHALLENGES ||
        (node != NULL && node->value_count >= LIMIT_VALUES_PER_NAME) ||
        !has_room(zone, lower, node, len)) {
        return ERR_LIMIT;
    }
    if (node == NULL && (node = add_name(zone, lower)) == NULL) {
        return -ENOMEM;
    }
    int ret = add_value(zone, node, value, len, owner, expires);
    if (node->value_count == 0) {
        drop_name(zone, node);
    }
    return ret;
}

/* -- removing -- */

static void unlink_hold(struct zone *zone, struct zone_hold *hold)
{
    struct zone_hold **link = &hold->value->holds;

    while (*link != hold) {
        link = &(*link)->next;
    }
    *link = hold->next;
    hold->value->hold_count--;
    ldns_rbtree_delete(&zone->owners, hold);
    free(hold);
}

/* A value that nobody holds any more goes, and its name with the last of them. */
static void drop_value(struct zone *zone, struct zone_value *value)
{
    struct zone_owner_name *name = value->name;
    struct zone_value **link = &name->values;

    while (*link != value) {
        link = &(*link)->next;
    }
    *link = value->next;
    name->value_count--;
    zone->value_count--;
    ldns_rbtree_delete(&zone->expiries, value);
    for (struct zone_hold *hold = value->holds, *next; hold != NULL; hold = next) {
        next = hold->next;
        ldns_rbtree_delete(&zone->owners, hold);
        free(hold);
    }
    free(value);
    if (name->value_count == 0) {
        drop_name(zone, name);
    }
}

/* Returns how many values went: 1 or 0. */
static size_t drop_hold(struct zone *zone, struct zone_hold *hold)
{
    struct zone_value *value = hold->value;

    unlink_hold(zone, hold);
    if (value->holds != NULL) {
        return 0;
    }
    drop_value(zone, value);
    return 1;
}

int zone_remove(struct zone *zone, const uint8_t *name, const char *value, uint64_t owner)
{
    size_t len = strnlen(value, LIMIT_CHALLENGE_TXT + 1);
    struct zone_owner_name *node = find_name(zone, name);
    struct zone_value *found = node == NULL ? NULL : find_value(node, value, len);
    struct zone_hold *hold = found == NULL ? NULL : find_hold(zone, found, owner);

    return hold == NULL ? 0 : (int)drop_hold(zone, hold);
}

size_t zone_remove_owner(struct zone *zone, uint64_t owner)
{
    size_t gone = 0;

    for (;;) {
        /* No value stands at address 0: the first of this owner comes just behind the probe. */
        struct zone_hold probe = {.owner = owner, .value = NULL};
        ldns_rbnode_t *node;
        if (ldns_rbtree_find_less_equal(&zone->owners, &probe, &node)) {
            return gone;
        }
        node = node == NULL ? ldns_rbtree_first(&zone->owners) : ldns_rbtree_next(node);
        if (node == LDNS_RBTREE_NULL || ((struct zone_hold *)node->key)->owner != owner) {
            return gone;
        }
        gone += drop_hold(zone, (struct zone_hold *)node->key);
    }
}

size_t zone_expire(struct zone *zone, int64_t now)
{
    size_t gone = 0;

    while (zone_next_expiry(zone) <= now) {
        ldns_rbnode_t *node = ldns_rbtree_first(&zone->expiries);
        if (node == LDNS_RBTREE_NULL) {
            break;
        }
        drop_value(zone, (struct zone_value *)node->key);
        gone++;
    }
    return gone;
}

int64_t zone_next_expiry(const struct zone *zone)
{
    const ldns_rbnode_t *node = ldns_rbtree_first(&zone->expiries);

    return node == LDNS_RBTREE_NULL ? INT64_MAX : ((const struct zone_value *)node->key)->expires;
}

/* -- looking at them -- */

size_t zone_challenge_count(const struct zone *zone)
{
    return zone->value_count;
}

void zone_each_challenge(const struct zone *zone, zone_challenge_fn *fn, void *arg)
{
    struct zone_names_cursor cursor = {0};
    const struct zone_owner_name *name;

    while ((name = zone_names_next(&zone->names, &cursor)) != NULL) {
        for (const struct zone_value *value = name->values; value != NULL; value = value->next) {
            for (const struct zone_hold *hold = value->holds; hold != NULL; hold = hold->next) {
                fn(arg, zone_owner_wire(name), value->text, hold->owner, value->expires);
            }
        }
    }
}

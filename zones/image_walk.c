/*
 * The nodes of one zone, in canonical order.
 *
 * Its owner names come from three sources, each in that order (static records, challenge values,
 * apexes of inner zones), that are merged by key. The way from the apex to the last node written is
 * kept as a stack: what a name has above it and the stack has not is an empty non-terminal and is
 * written first.
 */
#include "zones/image_writer.h"

#include <errno.h>
#include <ldns/rr.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"
#include "zones/zone_data.h"

/* An inner apex, as a source of names. */
struct inner {
    const uint8_t *name;
    size_t key_len;
    uint8_t key[NAME_KEY_MAX];
};

/*
 * Names and values lie all over the heap, and waiting for them is most of what a walk would cost.
 * So names are taken AHEAD of their turn and fetched; half-way through the queue they have come,
 * and say where their values are, which are fetched then.
 */
#define AHEAD      16
#define CACHE_LINE 64

struct queue {
    const struct zone_owner_name *names[AHEAD]; /* a ring; NULL behind the last */
    unsigned head;
    const struct zone_names *from;
    struct zone_names_cursor cursor; /* of the first one not in the ring */
};

/* One zone under way. */
struct walk {
    struct image_writer *b;
    const struct zone *zone;
    uint8_t index;
    unsigned apex_labels;
    struct image_zone *out;
    /* sources */
    const struct static_node *fixed, *fixed_end;
    struct queue challenges;
    struct inner *inner, *inner_end;
    /* nodes from the apex (at its number of labels) to the last one */
    struct image_node *stack[LIMIT_NAME_LABELS];
    unsigned depth;
};

/* What the sources have for the next owner name. */
struct owner {
    const uint8_t *name, *key;
    size_t name_len, key_len;
    const struct static_node *fixed;
    const struct zone_owner_name *challenge;
    bool inner;
};

/* -- writing -- */

static void put_rr_head(uint8_t *p, uint16_t type, uint32_t ttl, uint16_t rdata_len)
{
    p[0] = 0xc0;
    p[1] = 0x0c;
    wire_write_u16(p + 2, type);
    wire_write_u16(p + 4, LDNS_RR_CLASS_IN);
    wire_write_u32(p + 6, ttl);
    wire_write_u16(p + 10, rdata_len);
}

static void put_record(struct image_writer *b, const struct static_record *record, uint32_t ttl)
{
    uint8_t *p = image_writer_put(b, IMAGE_RR_HEAD + (size_t)record->rdata_len);

    if (p == NULL) {
        return;
    }
    put_rr_head(p, record->type, ttl, record->rdata_len);
    memcpy(p + IMAGE_RR_HEAD, record->rdata, record->rdata_len);
    /* The serial is the first of the five integers that end an SOA (RFC 1035 3.3.13). */
    if (record->type == LDNS_RR_TYPE_SOA && record->rdata_len >= 20) {
        wire_write_u32(p + IMAGE_RR_HEAD + record->rdata_len - 20, b->serial);
    }
}

static void put_value(struct image_writer *b, const struct zone_value *value, uint32_t ttl)
{
    uint8_t *p = image_writer_put(b, IMAGE_RR_HEAD + 1 + (size_t)value->len);

    if (p == NULL) {
        return;
    }
    put_rr_head(p, LDNS_RR_TYPE_TXT, ttl, (uint16_t)(value->len + 1));
    p[IMAGE_RR_HEAD] = value->len;
    memcpy(p + IMAGE_RR_HEAD + 1, value->text, value->len);
}

/* Whether the static records of a name have the value already. */
static bool is_static_value(const struct static_node *fixed, const struct zone_value *value)
{
    for (uint32_t i = 0; fixed != NULL && i < fixed->count; i++) {
        const struct static_record *record = fixed->records[i];
        if (record->type == LDNS_RR_TYPE_TXT && record->rdata_len == value->len + 1 &&
            record->rdata[0] == value->len &&
            memcmp(record->rdata + 1, value->text, value->len) == 0) {
            return true;
        }
    }
    return false;
}

/* The RRset of type: the static records from *next on, and the challenge values where it is TXT. */
static struct image_rrset *put_rrset(struct walk *w, const struct owner *owner, uint16_t type,
                                     uint32_t *next)
{
    struct image_writer *b = w->b;
    struct image_rrset *rrset = image_writer_put(b, sizeof(*rrset));
    bool live = type == LDNS_RR_TYPE_TXT && owner->challenge != NULL;
    size_t start = b->pos;
    uint32_t count = 0;

    for (; owner->fixed != NULL && *next < owner->fixed->count; ++*next, count++) {
        const struct static_record *record = owner->fixed->records[*next];
        if (record->type != type) {
            break;
        }
        put_record(b, record, live ? w->zone->challenge_ttl : record->ttl);
    }
    if (live) {
        for (const struct zone_value *v = owner->challenge->values; v != NULL; v = v->next) {
            size_t octets = b->pos - start + IMAGE_RR_HEAD + 1 + v->len;

            /* zone_add saw to the room, but the static part may have grown since */
            if (octets <= LIMIT_RRSET && !is_static_value(owner->fixed, v)) {
                put_value(b, v, w->zone->challenge_ttl);
                count++;
            }
        }
    }
    if (b->full || count > UINT16_MAX) {
        b->full = true;
        return NULL;
    }
    rrset->type = type;
    rrset->count = (uint16_t)count;
    rrset->size = (uint32_t)(b->pos - start);
    image_writer_align(b, IMAGE_ALIGN);
    return rrset;
}

/* All RRsets of an owner, by type; the challenge's TXT has its place among them. */
static void put_rrsets(struct walk *w, const struct owner *owner)
{
    uint32_t next = 0, count = owner->fixed == NULL ? 0 : owner->fixed->count;
    struct image_rrset *last = NULL;
    bool live = owner->challenge != NULL;

    while (!w->b->full && (next < count || live)) {
        uint16_t type = next < count ? owner->fixed->records[next]->type : LDNS_RR_TYPE_TXT;
        if (live && type >= LDNS_RR_TYPE_TXT) {
            type = LDNS_RR_TYPE_TXT;
            live = false;
        }
        last = put_rrset(w, owner, type, &next);
    }
    if (last != NULL && !w->b->full) {
        last->size |= IMAGE_LAST_RRSET;
    }
}

/* Writes a node without RRsets at a depth of the stack, and what follows from its place there. */
static struct image_node *put_node(struct walk *w, const uint8_t *name, size_t len, unsigned depth)
{
    struct image_writer *b = w->b;
    struct image_node *node = image_writer_put(b, sizeof(*node) + len);

    if (node == NULL) {
        return NULL;
    }
    node->index = b->node_count++;
    node->zone = w->index;
    node->name_len = (uint8_t)len;
    memcpy(node->name, name, len);
    image_writer_align(b, IMAGE_ALIGN);
    if (depth > w->apex_labels) {
        struct image_node *parent = w->stack[depth - 1];
        node->flags = parent->flags & (IMAGE_OCCLUDED | IMAGE_HIDDEN);
        if ((parent->flags & (IMAGE_CUT | IMAGE_HAS_DNAME)) != 0) {
            node->flags |= IMAGE_OCCLUDED;
        }
        if (name[0] == 1 && name[1] == '*') {
            parent->flags |= IMAGE_HAS_WILDCARD;
        }
    }
    w->stack[depth] = node;
    w->depth = depth;
    return node;
}

/* -- the walk over one zone -- */

/* Drops the queue's first name and takes in another at its end. */
static void queue_next(struct queue *q)
{
    const struct zone_owner_name *name = zone_names_next(q->from, &q->cursor);

    if (name != NULL) {
        __builtin_prefetch(name);
        __builtin_prefetch(name->bytes + CACHE_LINE);
    }
    q->names[q->head] = name;
    q->head = (q->head + 1) % AHEAD;
    name = q->names[(q->head + AHEAD / 2) % AHEAD];
    if (name != NULL) {
        const char *values = (const char *)name->values;
        __builtin_prefetch(values);
        __builtin_prefetch(values + CACHE_LINE);
        __builtin_prefetch(values + 2 * (size_t)CACHE_LINE);
    }
}

/* The next owner name of all sources together; false at the end. */
static bool next_owner(struct walk *w, struct owner *owner)
{
    *owner = (struct owner){0};
    if (w->fixed < w->fixed_end) {
        const struct static_record *record = w->fixed->records[0];
        owner->fixed = w->fixed;
        owner->name = record->name;
        owner->name_len = record->name_len;
        owner->key = record->key;
        owner->key_len = record->key_len;
    }
    const struct zone_owner_name *name = w->challenges.names[w->challenges.head];
    if (name != NULL) {
        int order = owner->key == NULL ? -1
                                       : zone_key_compare(zone_owner_key(name), name->key_len,
                                                          owner->key, owner->key_len);
        if (order < 0) {
            *owner = (struct owner){.name = zone_owner_wire(name),
                                    .name_len = name->name_len,
                                    .key = zone_owner_key(name),
                                    .key_len = name->key_len};
        }
        if (order <= 0) {
            owner->challenge = name;
        }
    }
    if (w->inner < w->inner_end) {
        int order = owner->key == NULL ? -1
                                       : zone_key_compare(w->inner->key, w->inner->key_len,
                                                          owner->key, owner->key_len);
        if (order < 0) {
            *owner = (struct owner){.name = w->inner->name,
                                    .name_len = name_len(w->inner->name),
                                    .key = w->inner->key,
                                    .key_len = w->inner->key_len};
        }
        owner->inner = order <= 0;
    }
    w->fixed += owner->fixed != NULL;
    if (owner->challenge != NULL) {
        queue_next(&w->challenges);
    }
    if (owner->inner) {
        w->inner++;
    }
    return owner->key != NULL;
}

/* Cuts the stack back to the nodes that are above name. labels[i]: its ancestor of i labels. */
static void cut_stack(struct walk *w, const uint8_t *const *labels, unsigned count)
{
    unsigned depth = w->apex_labels;

    while (depth < w->depth && depth + 1 < count) {
        const uint8_t *theirs = w->stack[depth + 1]->name, *ours = labels[depth + 1];
        if (theirs[0] != ours[0] || memcmp(theirs + 1, ours + 1, ours[0]) != 0) {
            break;
        }
        depth++;
    }
    w->depth = depth;
}

/* A challenge may have come before the static record that is in its way: that one wins. */
static bool is_shadowed(const struct walk *w, const struct owner *owner)
{
    if (owner->fixed != NULL) {
        return (owner->fixed->flags & (STATIC_CNAME | STATIC_CUT | STATIC_OCCLUDED)) != 0;
    }
    return (w->stack[w->depth]->flags & (IMAGE_CUT | IMAGE_HAS_DNAME | IMAGE_OCCLUDED)) != 0;
}

static unsigned split_labels(const uint8_t **labels, const uint8_t *name)
{
    unsigned count = name_labels(name);

    for (unsigned i = count; *name != 0; name += 1 + *name) {
        labels[i--] = name;
    }
    return count;
}

static void mark_challenge(struct walk *w)
{
    for (unsigned depth = w->depth + 1; depth-- > w->apex_labels;) {
        if ((w->stack[depth]->flags & IMAGE_CHALLENGE) != 0) {
            return;
        }
        w->stack[depth]->flags |= IMAGE_CHALLENGE;
    }
}

static uint16_t flags_of(const struct owner *owner)
{
    uint32_t fixed = owner->fixed == NULL ? 0 : owner->fixed->flags;
    bool empty = owner->fixed == NULL && owner->challenge == NULL;

    return (uint16_t)(((fixed & STATIC_CUT) != 0 ? IMAGE_CUT : 0) |
                      ((fixed & STATIC_DNAME) != 0 ? IMAGE_HAS_DNAME : 0) |
                      (owner->inner ? IMAGE_HIDDEN : 0) | (empty ? IMAGE_EMPTY : 0));
}

static void put_owner(struct walk *w, struct owner *owner)
{
    const uint8_t *labels[LIMIT_NAME_LABELS];
    unsigned count = split_labels(labels, owner->name);

    if (count > w->apex_labels) {
        cut_stack(w, labels, count);
        if (owner->challenge != NULL && is_shadowed(w, owner)) {
            owner->challenge = NULL;
            if (owner->fixed == NULL && !owner->inner) {
                return;
            }
        }
        for (unsigned depth = w->depth + 1; depth < count; depth++) {
            const uint8_t *name = labels[depth];
            size_t len = owner->name_len - (size_t)(name - owner->name);
            struct image_node *node = put_node(w, name, len, depth);
            if (node == NULL) {
                return;
            }
            node->flags |= IMAGE_EMPTY;
        }
    }
    struct image_node *node = put_node(w, owner->name, owner->name_len, count);
    if (node == NULL) {
        return;
    }
    node->flags |= flags_of(owner);
    put_rrsets(w, owner);
    if (owner->challenge != NULL) {
        mark_challenge(w);
    }
}

/* -- zones -- */

static int compare_inner(const void *left, const void *right)
{
    const struct inner *a = left, *b = right;

    return zone_key_compare(a->key, a->key_len, b->key, b->key_len);
}

/* The apexes below this zone's own, by key. */
static int find_inner(const struct image_writer *b, const struct zone *zone, struct inner **out,
                      size_t *count)
{
    struct inner *inner = NULL;
    size_t n = 0;

    for (size_t i = 0; i < b->zone_count; i++) {
        if (b->zones[i] == zone || !name_within(zone_apex(b->zones[i]), zone_apex(zone))) {
            continue;
        }
        struct inner *more = reallocarray(inner, n + 1, sizeof(*inner));
        if (more == NULL) {
            free(inner);
            return -ENOMEM;
        }
        inner = more;
        inner[n].name = zone_apex(b->zones[i]);
        inner[n].key_len = name_key(inner[n].key, inner[n].name);
        n++;
    }
    if (n > 1) {
        qsort(inner, n, sizeof(*inner), compare_inner);
    }
    *out = inner;
    *count = n;
    return 0;
}

/* The apex is there, and with it SOA and NS: zone_static_finish saw to that. */
static void note_soa(const struct image_writer *b, struct image_zone *out)
{
    const struct image_node *apex = (const struct image_node *)(b->base + out->apex);
    const struct image_rrset *rrset =
        (const struct image_rrset *)((const uint8_t *)apex + image_node_head(apex));

    while (rrset->type != LDNS_RR_TYPE_SOA) {
        rrset = (const struct image_rrset *)(rrset->wire + image_align(image_rrset_size(rrset)));
    }
    uint32_t ttl = wire_read_u32(rrset->wire + 6);
    uint32_t minimum = wire_read_u32(rrset->wire + image_rrset_size(rrset) - 4);
    out->soa = (uint32_t)((const uint8_t *)rrset - b->base);
    out->negative_ttl = ttl < minimum ? ttl : minimum;
}

int image_walk_zone(struct image_writer *b, uint8_t index)
{
    const struct zone *zone = b->zones[index];
    struct inner *inner;
    size_t inner_count;
    int ret = find_inner(b, zone, &inner, &inner_count);

    if (ret < 0) {
        return ret;
    }
    struct image_zone *out = (struct image_zone *)(b->base + sizeof(struct image_header)) + index;
    struct walk w = {
        .b = b,
        .zone = zone,
        .index = index,
        .apex_labels = name_labels(zone_apex(zone)),
        .fixed = zone->fixed->nodes,
        .fixed_end = zone->fixed->nodes + zone->fixed->node_count,
        .challenges.from = &zone->names,
        .inner = inner,
        .inner_end = inner == NULL ? NULL : inner + inner_count,
    };
    struct owner owner;

    for (unsigned i = 0; i < AHEAD; i++) {
        queue_next(&w.challenges);
    }
    out->first = b->node_count;
    out->apex = (uint32_t)b->pos;
    while (!b->full && next_owner(&w, &owner)) {
        put_owner(&w, &owner);
    }
    free(inner);
    if (b->full) {
        return ERR_LIMIT;
    }
    out->count = b->node_count - out->first;
    note_soa(b, out);
    return 0;
}

/*
 * Looking up. An empty non-terminal is a node like any other, so of the names on the way from the
 * apex to the question's the upper ones exist and the lower ones do not: the closest encloser
 * is found by bisection, in at most seven look-ups however many labels somebody sends.
 */
#include "zones/image.h"

#include <ldns/rr.h>

#include "common/wire.h"
#include "zones/image_format.h"

/* zone: the index of the zone whose node it has to be, or VISIBLE. */
#define VISIBLE LIMIT_DNS_ZONES

#define CACHE_LINE 64

static inline const struct image_slot *slots_of(const struct image *image)
{
    return (const struct image_slot *)(image->base + image_header(image)->slots);
}

static inline const struct image_node *probe(const struct image *image, uint32_t zone,
                                             const uint8_t *lower, size_t len, uint64_t hash)
{
    const struct image_header *header = image_header(image);
    const struct image_slot *slots = slots_of(image);
    uint32_t place = image_place(hash, header->slot_count);

    while (slots[place].node != 0) {
        if (slots[place].tag == (uint32_t)hash) {
            const struct image_node *node = image_node_at(image, slots[place].node);
            bool wanted = zone == VISIBLE ? (node->flags & IMAGE_HIDDEN) == 0 : node->zone == zone;
            if (wanted && node->name_len == len && memcmp(node->name, lower, len) == 0) {
                return node;
            }
        }
        if (++place == header->slot_count) {
            place = 0;
        }
    }
    return NULL;
}

static const struct image_node *find(const struct image *image, const uint8_t *lower, size_t len)
{
    return probe(image, VISIBLE, lower, len, image_hash(image_header(image), lower, len));
}

const struct image_node *image_find(const struct image *image, const struct image_zone *zone,
                                    const uint8_t *lower, size_t len)
{
    return probe(image, (uint32_t)(zone - image_zones(image)), lower, len,
                 image_hash(image_header(image), lower, len));
}

/* Where the labels of a name begin; labels[i] has the name of i labels. Returns their count. */
static unsigned split_labels(uint8_t labels[static LIMIT_NAME_LABELS], const uint8_t *name)
{
    unsigned count = 0;
    size_t pos = 0;

    for (; name[pos] != 0; pos += 1u + name[pos]) {
        labels[count++] = (uint8_t)pos;
    }
    for (unsigned i = 0; i < count / 2; i++) {
        uint8_t other = labels[i];
        labels[i] = labels[count - 1 - i];
        labels[count - 1 - i] = other;
    }
    for (unsigned i = count; i > 0; i--) {
        labels[i] = labels[i - 1];
    }
    labels[0] = (uint8_t)pos;
    return count;
}

struct search {
    const struct image *image;
    const uint8_t *name;
    size_t len;
    unsigned count;
    uint8_t labels[LIMIT_NAME_LABELS];
};

static const struct image_node *find_suffix(const struct search *s, unsigned labels)
{
    size_t offset = s->labels[labels];

    return find(s->image, s->name + offset, s->len - offset);
}

/* The most specific zone that has the name; its number of labels. */
static const struct image_zone *find_zone(const struct search *s, unsigned *apex_labels)
{
    const struct image_zone *zones = image_zones(s->image);
    uint32_t count = image_header(s->image)->zone_count;

    for (uint32_t i = 0; i < count; i++) {
        const struct image_node *apex = image_node_at(s->image, zones[i].apex);
        if (apex->name_len > s->len) {
            continue;
        }
        size_t offset = s->len - apex->name_len;
        if (memcmp(s->name + offset, apex->name, apex->name_len) != 0) {
            continue;
        }
        for (unsigned j = 0; j <= s->count; j++) {
            if (s->labels[j] == offset) {
                *apex_labels = j;
                return &zones[i];
            }
        }
    }
    return NULL;
}

/* The longest existing name above; apex_labels is known to exist, count not to. */
static const struct image_node *find_encloser(const struct search *s, unsigned apex_labels,
                                              unsigned *labels)
{
    const struct image_node *node = find_suffix(s, apex_labels);
    unsigned low = apex_labels, high = s->count;

    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        const struct image_node *found = find_suffix(s, middle);
        if (found == NULL) {
            high = middle;
        } else {
            node = found;
            low = middle;
        }
    }
    *labels = low;
    return node;
}

/* From a node with a cut or DNAME above it up to that. */
static void settle_occluded(const struct search *s, unsigned labels, struct image_result *result)
{
    const struct image_node *node;

    do {
        node = labels == 0 ? NULL : find_suffix(s, --labels);
    } while (node != NULL && (node->flags & IMAGE_OCCLUDED) != 0);
    result->node = node;
    result->node_offset = s->labels[labels];
    if (node == NULL) {
        result->match = IMAGE_NO_ZONE;
    } else {
        result->match = (node->flags & IMAGE_CUT) != 0 ? IMAGE_DELEGATION : IMAGE_DNAME;
    }
}

static const struct image_node *find_wildcard(const struct image *image,
                                              const struct image_node *encloser)
{
    uint8_t name[2 + LIMIT_NAME_WIRE] = {1, '*'};

    if ((encloser->flags & IMAGE_HAS_WILDCARD) == 0) {
        return NULL;
    }
    memcpy(name + 2, encloser->name, encloser->name_len);
    return find(image, name, 2 + (size_t)encloser->name_len);
}

static void settle_absent(const struct search *s, const struct image_node *encloser,
                          unsigned labels, struct image_result *result)
{
    const struct image_node *wildcard;

    result->node = encloser;
    result->node_offset = s->labels[labels];
    if ((encloser->flags & IMAGE_CUT) != 0) {
        result->match = IMAGE_DELEGATION;
    } else if ((encloser->flags & IMAGE_HAS_DNAME) != 0) {
        result->match = IMAGE_DNAME;
    } else if ((wildcard = find_wildcard(s->image, encloser)) != NULL) {
        result->match = IMAGE_WILDCARD;
        result->node = wildcard;
    } else {
        result->match = IMAGE_NXDOMAIN;
    }
}

void image_lookup(const struct image *image, const uint8_t *lower, size_t len,
                  struct image_result *result)
{
    image_lookup_hashed(image, lower, len, image_hash(image_header(image), lower, len), result);
}

uint64_t image_lookup_hash(const struct image *image, const uint8_t *lower, size_t len)
{
    const struct image_header *header = image_header(image);
    uint64_t hash = image_hash(header, lower, len);

    __builtin_prefetch(slots_of(image) + image_place(hash, header->slot_count));
    return hash;
}

void image_lookup_fetch(const struct image *image, uint64_t hash)
{
    const struct image_header *header = image_header(image);
    const struct image_slot *slots = slots_of(image);
    uint32_t place = image_place(hash, header->slot_count);

    while (slots[place].node != 0) {
        if (slots[place].tag == (uint32_t)hash) {
            const uint8_t *node = image->base + slots[place].node;

            __builtin_prefetch(node);
            __builtin_prefetch(node + CACHE_LINE); /* a name of 40 octets and a TXT of 43 */
            __builtin_prefetch(node + 2 * (size_t)CACHE_LINE);
            return;
        }
        if (++place == header->slot_count) {
            place = 0;
        }
    }
}

void image_lookup_hashed(const struct image *image, const uint8_t *lower, size_t len, uint64_t hash,
                         struct image_result *result)
{
    const struct image_node *node = probe(image, VISIBLE, lower, len, hash);
    unsigned apex_labels, labels;

    *result = (struct image_result){.match = IMAGE_NODE, .node = node};
    if (node != NULL && (node->flags & (IMAGE_CUT | IMAGE_OCCLUDED)) == 0) {
        result->zone = &image_zones(image)[node->zone];
        return;
    }
    struct search s = {.image = image, .name = lower, .len = len};
    s.count = split_labels(s.labels, lower);
    if (node != NULL) {
        result->zone = &image_zones(image)[node->zone];
        if ((node->flags & IMAGE_OCCLUDED) != 0) {
            settle_occluded(&s, s.count, result);
        } else {
            result->match = IMAGE_DELEGATION;
        }
        return;
    }
    result->zone = find_zone(&s, &apex_labels);
    if (result->zone == NULL) {
        result->match = IMAGE_NO_ZONE;
        return;
    }
    node = find_encloser(&s, apex_labels, &labels);
    if (node == NULL) {
        result->match = IMAGE_NO_ZONE;
    } else if ((node->flags & IMAGE_OCCLUDED) != 0) {
        settle_occluded(&s, labels, result);
    } else {
        settle_absent(&s, node, labels, result);
    }
}

/* -- looking at what was found -- */

const uint8_t *image_zone_apex(const struct image *image, const struct image_zone *zone)
{
    return image_node_at(image, zone->apex)->name;
}

const struct image_rrset *image_zone_soa(const struct image *image, const struct image_zone *zone)
{
    return (const struct image_rrset *)(image->base + zone->soa);
}

uint32_t image_zone_negative_ttl(const struct image *image, const struct image_zone *zone)
{
    (void)image;
    return zone->negative_ttl;
}

const uint8_t *image_node_name(const struct image *image, const struct image_node *node)
{
    (void)image;
    return node->name;
}

bool image_node_challenge(const struct image_node *node)
{
    return (node->flags & IMAGE_CHALLENGE) != 0;
}

const struct image_rrset *image_node_first(const struct image *image, const struct image_node *node)
{
    (void)image;
    if ((node->flags & IMAGE_EMPTY) != 0) {
        return NULL;
    }
    return (const struct image_rrset *)((const uint8_t *)node + image_node_head(node));
}

const struct image_rrset *image_rrset_next(const struct image *image,
                                           const struct image_rrset *rrset)
{
    (void)image;
    if ((rrset->size & IMAGE_LAST_RRSET) != 0) {
        return NULL;
    }
    return (const struct image_rrset *)(rrset->wire + image_align(image_rrset_size(rrset)));
}

const struct image_rrset *image_node_rrset(const struct image *image, const struct image_node *node,
                                           uint16_t type)
{
    const struct image_rrset *rrset = image_node_first(image, node);

    while (rrset != NULL && rrset->type < type) {
        rrset = image_rrset_next(image, rrset);
    }
    return rrset != NULL && rrset->type == type ? rrset : NULL;
}

uint16_t image_rrset_type(const struct image_rrset *rrset)
{
    return rrset->type;
}

uint16_t image_rrset_count(const struct image_rrset *rrset)
{
    return rrset->count;
}

uint32_t image_rrset_ttl(const struct image_rrset *rrset)
{
    return wire_read_u32(rrset->wire + 6);
}

const uint8_t *image_rrset_wire(const struct image_rrset *rrset, size_t *wire_len)
{
    *wire_len = image_rrset_size(rrset);
    return rrset->wire;
}

const struct image_zone *image_zone_at(const struct image *image, uint32_t index)
{
    return &image_zones(image)[index];
}

const struct image_node *image_node_by_index(const struct image *image, uint32_t index)
{
    const uint32_t *order = (const uint32_t *)(image->base + image_header(image)->order);

    return image_node_at(image, order[index]);
}

uint32_t image_zone_count(const struct image *image)
{
    return image_header(image)->zone_count;
}

uint32_t image_node_count(const struct image *image)
{
    return image_header(image)->node_count;
}

/*
 * The proof that an image is what image_format.h says: after it, lookups follow offsets without
 * looking, probing ends, and what a node says of itself is true as far as answering goes by it.
 *
 * Nodes are gone through once, from the first to the last. The way from the apex to the node
 * before is kept as a stack. A node's parent must be on it (so every empty non-terminal exists),
 * its name must be one label and the parent's name (so it is valid and within the zone, one
 * memcmp), and its label must come after that of the sibling before (so the order is canonical and
 * no name is there twice).
 *
 * Then each node must be found from its own hash, and there must be as many slots in use as nodes:
 * so no slot leads elsewhere. The probing of all nodes together is bounded, so that a hostile table
 * cannot make the proof quadratic.
 */
#include "zones/image.h"

#include <ldns/rr.h>

#include "common/wire.h"
#include "zones/image_format.h"
#include "zones/name.h"
#include "zones/rdata.h"

/* Half full, a table takes 1.5 probes a node; 16 is beyond any chance. */
#define PROBES_PER_NODE 16
#define PROBES_SPARE    4096

struct proof {
    const uint8_t *base;
    const struct image_header *header;
    const struct image_zone *zone;
    uint32_t zone_index;
    size_t pos;    /* of the next node */
    uint32_t next; /* its index */
    const struct image_node *stack[LIMIT_NAME_LABELS];
    unsigned depth; /* nodes on the stack */
    const struct image_node *last;
    bool soa, ns, is_outer;
};

/* -- RRsets -- */

static bool prove_rr(const uint8_t *rr, size_t room, uint16_t type, const uint8_t *first,
                     size_t *size)
{
    if (room < IMAGE_RR_HEAD) {
        return false;
    }
    size_t rdata_len = wire_read_u16(rr + 10);
    if (rdata_len > room - IMAGE_RR_HEAD) {
        return false;
    }
    *size = IMAGE_RR_HEAD + rdata_len;
    return wire_read_u16(rr) == 0xc00c && wire_read_u16(rr + 2) == type &&
           wire_read_u16(rr + 4) == LDNS_RR_CLASS_IN && memcmp(rr + 6, first + 6, 4) == 0 &&
           rdata_valid(type, rr + IMAGE_RR_HEAD, rdata_len);
}

static bool is_single(uint16_t type)
{
    return type == LDNS_RR_TYPE_SOA || type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_DNAME;
}

static bool prove_rrset(const struct image_rrset *rrset)
{
    const uint8_t *rr = rrset->wire;
    size_t left = image_rrset_size(rrset), size;

    if (rrset->count == 0 || (rrset->count > 1 && is_single(rrset->type))) {
        return false;
    }
    for (uint16_t i = 0; i < rrset->count; i++) {
        if (!prove_rr(rr, left, rrset->type, rrset->wire, &size)) {
            return false;
        }
        rr += size;
        left -= size;
    }
    return left == 0;
}

/* What a node's types say about its flags. */
struct types {
    unsigned count;
    bool ns, soa, cname, dname;
    uint32_t soa_offset;
};

static void note_type(struct types *types, uint16_t type, size_t pos)
{
    types->count++;
    types->ns |= type == LDNS_RR_TYPE_NS;
    types->cname |= type == LDNS_RR_TYPE_CNAME;
    types->dname |= type == LDNS_RR_TYPE_DNAME;
    if (type == LDNS_RR_TYPE_SOA) {
        types->soa = true;
        types->soa_offset = (uint32_t)pos;
    }
}

/* From *pos to end at most; *pos is moved behind them. */
static bool prove_rrsets(const uint8_t *base, size_t *pos, size_t end, struct types *types)
{
    const struct image_rrset *rrset;
    int32_t before = -1;

    do {
        if (sizeof(*rrset) > end - *pos) {
            return false;
        }
        rrset = (const struct image_rrset *)(base + *pos);
        size_t room = end - *pos - sizeof(*rrset), size = image_rrset_size(rrset);
        if (size > room || image_align(size) > room) {
            return false;
        }
        if (rrset->type <= before || !prove_rrset(rrset)) {
            return false;
        }
        note_type(types, rrset->type, *pos);
        before = rrset->type;
        *pos += sizeof(*rrset) + image_align(size);
    } while ((rrset->size & IMAGE_LAST_RRSET) == 0);
    return true;
}

/* -- nodes -- */

static bool is_lower_label(const uint8_t *label)
{
    for (unsigned i = 1; i <= label[0]; i++) {
        if (label[i] >= 'A' && label[i] <= 'Z') {
            return false;
        }
    }
    return true;
}

static bool label_before(const uint8_t *a, const uint8_t *b)
{
    int order = memcmp(a + 1, b + 1, a[0] < b[0] ? a[0] : b[0]);

    return order != 0 ? order < 0 : a[0] < b[0];
}

/* Finds the parent on the stack and proves name and order; the stack then ends with the parent. */
static const struct image_node *prove_place(struct proof *p, const struct image_node *node)
{
    uint8_t label = node->name[0];

    if (label == 0 || label > LIMIT_LABEL || label + 1u >= node->name_len) {
        return NULL;
    }
    const uint8_t *rest = node->name + 1 + label;
    size_t rest_len = node->name_len - 1u - label;
    unsigned top = p->depth;
    while (top > 0 && p->stack[top - 1]->name_len > rest_len) {
        top--;
    }
    if (top == 0 || p->stack[top - 1]->name_len != rest_len ||
        memcmp(p->stack[top - 1]->name, rest, rest_len) != 0) {
        return NULL;
    }
    if (top < p->depth && !label_before(p->stack[top]->name, node->name)) {
        return NULL;
    }
    /* An empty non-terminal has something below it, and so directly behind it. */
    if (top < p->depth && (p->last->flags & (IMAGE_EMPTY | IMAGE_HIDDEN)) == IMAGE_EMPTY) {
        return NULL;
    }
    p->depth = top;
    return p->stack[top - 1];
}

static bool is_inner_apex(const struct proof *p, const struct image_node *node)
{
    const struct image_zone *zones = (const struct image_zone *)(p->base + p->header->zones);

    /* Inner zones come first, and their apexes are proven by now. */
    for (uint32_t i = 0; p->is_outer && i < p->zone_index; i++) {
        const struct image_node *apex = (const struct image_node *)(p->base + zones[i].apex);
        if (apex->name_len == node->name_len &&
            memcmp(apex->name, node->name, node->name_len) == 0) {
            return true;
        }
    }
    return false;
}

/* Flags that follow from the parent and from the types. */
static bool prove_flags(const struct proof *p, const struct image_node *node,
                        const struct image_node *parent, const struct types *types)
{
    uint16_t occluding = IMAGE_CUT | IMAGE_HAS_DNAME | IMAGE_OCCLUDED;
    bool occluded = parent != NULL && (parent->flags & occluding) != 0;
    bool hidden = parent != NULL && ((parent->flags & IMAGE_HIDDEN) != 0 || is_inner_apex(p, node));
    bool wildcard = node->name[0] == 1 && node->name[1] == '*';

    if ((node->flags & ~IMAGE_FLAGS) != 0 || ((node->flags & IMAGE_OCCLUDED) != 0) != occluded ||
        ((node->flags & IMAGE_HIDDEN) != 0) != hidden ||
        ((node->flags & IMAGE_CUT) != 0) != (parent != NULL && types->ns) ||
        ((node->flags & IMAGE_HAS_DNAME) != 0) != types->dname) {
        return false;
    }
    if (parent == NULL) {
        return true;
    }
    if (wildcard && (parent->flags & IMAGE_HAS_WILDCARD) == 0) {
        return false;
    }
    if ((node->flags & IMAGE_CHALLENGE) != 0 && (parent->flags & IMAGE_CHALLENGE) == 0) {
        return false;
    }
    return !types->soa;
}

static bool prove_apex(const struct proof *p, const struct image_node *node,
                       const struct types *types)
{
    const struct image_zone *zone = p->zone;

    if (p->pos != zone->apex || !types->soa || !types->ns || types->soa_offset != zone->soa) {
        return false;
    }
    if (name_measure(node->name, node->name_len) != node->name_len) {
        return false;
    }
    for (const uint8_t *label = node->name; *label != 0; label += 1 + *label) {
        if (!is_lower_label(label)) {
            return false;
        }
    }
    const struct image_rrset *soa = (const struct image_rrset *)(p->base + zone->soa);
    uint32_t ttl = wire_read_u32(soa->wire + 6);
    uint32_t minimum = wire_read_u32(soa->wire + image_rrset_size(soa) - 4);
    return zone->negative_ttl == (ttl < minimum ? ttl : minimum);
}

/* The node at p->pos, which is moved behind it. */
static bool prove_node(struct proof *p)
{
    const struct image_node *node = (const struct image_node *)(p->base + p->pos), *parent = NULL;
    const uint32_t *order = (const uint32_t *)(p->base + p->header->order);
    size_t end = p->header->order, pos;
    struct types types = {0};

    if (sizeof(*node) > end - p->pos || node->name_len == 0 ||
        image_node_head(node) > end - p->pos) {
        return false;
    }
    if (node->index != p->next || node->zone != p->zone_index || order[p->next] != p->pos) {
        return false;
    }
    pos = p->pos + image_node_head(node);
    if ((node->flags & IMAGE_EMPTY) == 0 && !prove_rrsets(p->base, &pos, end, &types)) {
        return false;
    }
    if (types.cname && types.count > 1) {
        return false;
    }
    if (p->depth == 0) {
        if (!prove_apex(p, node, &types)) {
            return false;
        }
    } else if ((parent = prove_place(p, node)) == NULL || !is_lower_label(node->name)) {
        return false;
    }
    if (!prove_flags(p, node, parent, &types)) {
        return false;
    }
    p->stack[p->depth++] = p->last = node;
    p->pos = pos;
    p->next++;
    return true;
}

static bool prove_zone(struct proof *p)
{
    const struct image_zone *zones = (const struct image_zone *)(p->base + p->header->zones);

    p->zone = &zones[p->zone_index];
    p->depth = 0;
    p->is_outer = false;
    if (p->zone->first != p->next || p->zone->count == 0 ||
        p->zone->count > p->header->node_count - p->next) {
        return false;
    }
    if (!prove_node(p)) {
        return false;
    }
    const struct image_node *own = p->stack[0];
    for (uint32_t i = 0; i < p->zone_index; i++) {
        const struct image_node *other = (const struct image_node *)(p->base + zones[i].apex);
        if (name_within(own->name, other->name)) {
            return false; /* twice, or not the inner one first */
        }
        p->is_outer |= name_within(other->name, own->name);
    }
    for (uint32_t i = 1; i < p->zone->count; i++) {
        if (!prove_node(p)) {
            return false;
        }
    }
    return (p->last->flags & (IMAGE_EMPTY | IMAGE_HIDDEN)) != IMAGE_EMPTY;
}

/* -- the index -- */

/* Slots are all over the table: those of a batch are fetched together, then looked at. */
#define BATCH 16

static bool prove_batch(const struct proof *p, const uint32_t *order, uint32_t count,
                        uint64_t *budget)
{
    const struct image_header *header = p->header;
    const struct image_slot *slots = (const struct image_slot *)(p->base + header->slots);
    uint64_t hashes[BATCH];

    for (uint32_t i = 0; i < count; i++) {
        const struct image_node *node = (const struct image_node *)(p->base + order[i]);
        hashes[i] = image_hash(header, node->name, node->name_len);
        __builtin_prefetch(&slots[image_place(hashes[i], header->slot_count)]);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = image_place(hashes[i], header->slot_count);
        while (slots[place].node != order[i]) {
            if (slots[place].node == 0 || (*budget)-- == 0) {
                return false;
            }
            place = place + 1 == header->slot_count ? 0 : place + 1;
        }
        if (slots[place].tag != (uint32_t)hashes[i]) {
            return false;
        }
    }
    return true;
}

static bool prove_slots(const struct proof *p)
{
    const struct image_header *header = p->header;
    const uint32_t *order = (const uint32_t *)(p->base + header->order);
    const struct image_slot *slots = (const struct image_slot *)(p->base + header->slots);
    uint64_t budget = (uint64_t)header->node_count * PROBES_PER_NODE + PROBES_SPARE;
    uint32_t used = 0;

    for (uint32_t i = 0; i < header->slot_count; i++) {
        used += slots[i].node != 0;
    }
    if (used != header->node_count) {
        return false;
    }
    for (uint32_t i = 0; i < header->node_count; i += BATCH) {
        uint32_t left = header->node_count - i;
        if (!prove_batch(p, order + i, left < BATCH ? left : BATCH, &budget)) {
            return false;
        }
    }
    return true;
}

/* -- the sections -- */

static uint64_t align8(uint64_t n)
{
    return (n + 7) & ~UINT64_C(7);
}

/* Sections follow each other without a gap but for alignment, and end with the image. */
static bool prove_header(const struct image_header *header, size_t len)
{
    if (header->len != len || header->zero != 0 || header->zone_count > LIMIT_DNS_ZONES) {
        return false;
    }
    uint64_t zones_end = sizeof(*header) + header->zone_count * sizeof(struct image_zone);
    uint64_t order_end = header->order + (uint64_t)header->node_count * sizeof(uint32_t);
    uint64_t slots_end = header->slots + (uint64_t)header->slot_count * sizeof(struct image_slot);
    return header->zones == sizeof(*header) && header->nodes == align8(zones_end) &&
           header->order % IMAGE_ALIGN == 0 && header->order >= header->nodes &&
           header->slots == align8(order_end) && slots_end == len &&
           header->slot_count == image_slots_for(header->node_count);
}

int image_open(struct image *image, const uint8_t *base, size_t len)
{
    const struct image_header *header = (const struct image_header *)base;
    struct proof p = {.base = base, .header = header};

    if (len < sizeof(*header) || len > LIMIT_IMAGE || (uintptr_t)base % 8 != 0 ||
        header->magic != IMAGE_MAGIC) {
        return ERR_CORRUPT;
    }
    if (header->version != IMAGE_VERSION) {
        return ERR_VERSION;
    }
    if (!prove_header(header, len)) {
        return ERR_CORRUPT;
    }
    p.pos = header->nodes;
    for (; p.zone_index < header->zone_count; p.zone_index++) {
        if (!prove_zone(&p)) {
            return ERR_CORRUPT;
        }
    }
    if (p.next != header->node_count || p.pos != header->order || !prove_slots(&p)) {
        return ERR_CORRUPT;
    }
    *image = (struct image){.base = base, .len = len, .generation = header->generation};
    return 0;
}

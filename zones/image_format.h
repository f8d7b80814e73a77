/*
 * Inside zones/: the bytes of an image.
 *
 *   header | zones | nodes | order | slots
 *
 * Nodes are of different length and stand one behind the other, zone by zone, in canonical
 * order: header, name, padding to 4, then the RRsets, if there are any. A node's name and RRsets
 * being beside each other, an answer touches two places of memory: the hash slot and the node.
 *
 * order has the offset of each node, by index: for binary search in canonical order and for the
 * way from a node to its neighbours.
 *
 * slots is the owner-name index, open addressing with linear probing, at most half full. The upper
 * 32 bits of the hash choose the place, the lower 32 are the tag that spares most comparisons.
 *
 * Where zones of the image are nested, the outer one has its nodes at and below the inner apex as
 * well (its delegation and glue, for transfers), but hidden: lookups see the inner zone's. The
 * inner apex is always among them, so that the empty non-terminals above it exist.
 *
 * All integers are in host order and at their natural alignment, except within RRs. Offsets count
 * from the image's first byte. Both sides are the same binary; IMAGE_VERSION tells when they are
 * not.
 */
#ifndef CERTMILL_ZONES_IMAGE_FORMAT_H
#define CERTMILL_ZONES_IMAGE_FORMAT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/limits.h"
#include "zones/image.h"
#include "zones/siphash.h"

#define IMAGE_MAGIC   UINT64_C(0x6c6c696d74726563) /* "certmill" */
#define IMAGE_VERSION 1
#define IMAGE_ALIGN   4
#define IMAGE_RR_HEAD 12 /* owner 2, type 2, class 2, TTL 4, RDLENGTH 2 */

struct image_header {
    uint64_t magic;
    uint32_t version;
    uint32_t serial;
    uint64_t len;
    uint64_t generation;
    uint8_t hash_key[SIPHASH_KEY];
    uint32_t zone_count, node_count, slot_count;
    uint32_t zones, nodes, order, slots; /* offsets */
    uint32_t zero;
};
static_assert(LIMIT_IMAGE <= PTRDIFF_MAX, "no object is larger");
static_assert(sizeof(struct image_header) == 80 && sizeof(struct image_header) % 8 == 0,
              "the layout that two processes share");

/* Most specific first: an inner zone before the one around it. */
struct image_zone {
    uint32_t apex;         /* offset of its node */
    uint32_t soa;          /* offset of its RRset */
    uint32_t negative_ttl; /* seconds */
    uint32_t first, count; /* its nodes: indices */
};
static_assert(sizeof(struct image_zone) == 20, "the layout that two processes share");

enum image_flag {
    IMAGE_CHALLENGE = 1, /* a challenge value is live here or below */
    IMAGE_CUT = 2,       /* NS below the apex */
    IMAGE_HAS_DNAME = 4,
    IMAGE_OCCLUDED = 8,      /* below a cut or DNAME */
    IMAGE_HIDDEN = 16,       /* at or below the apex of an inner zone */
    IMAGE_HAS_WILDCARD = 32, /* the child "*" exists */
    IMAGE_EMPTY = 64,        /* no RRsets */
    IMAGE_FLAGS = 127,
};

struct image_node {
    uint32_t index;
    uint16_t flags;
    uint8_t zone;
    uint8_t name_len;
    uint8_t name[];
};
static_assert(sizeof(struct image_node) == 8, "the layout that two processes share");

#define IMAGE_LAST_RRSET (UINT32_C(1) << 31)

struct image_rrset {
    uint16_t type, count;
    uint32_t size; /* of wire in octets, with IMAGE_LAST_RRSET */
    uint8_t wire[];
};
static_assert(sizeof(struct image_rrset) == 8, "the layout that two processes share");

struct image_slot {
    uint32_t tag;
    uint32_t node; /* offset; 0: free */
};
static_assert(sizeof(struct image_slot) == 8, "the layout that two processes share");

static inline size_t image_align(size_t n)
{
    return (n + (IMAGE_ALIGN - 1)) & ~(size_t)(IMAGE_ALIGN - 1);
}

static inline uint32_t image_slots_for(uint32_t nodes)
{
    return 2 * nodes + 2;
}

static inline uint64_t image_hash(const struct image_header *header, const uint8_t *name,
                                  size_t len)
{
    return siphash(1, 3, header->hash_key, name, len);
}

/* Where probing starts. */
static inline uint32_t image_place(uint64_t hash, uint32_t slot_count)
{
    return (uint32_t)(((hash >> 32) * slot_count) >> 32);
}

static inline const struct image_header *image_header(const struct image *image)
{
    return (const struct image_header *)image->base;
}

static inline const struct image_zone *image_zones(const struct image *image)
{
    return (const struct image_zone *)(image->base + image_header(image)->zones);
}

static inline const struct image_node *image_node_at(const struct image *image, uint32_t offset)
{
    return (const struct image_node *)(image->base + offset);
}

static inline uint32_t image_rrset_size(const struct image_rrset *rrset)
{
    return rrset->size & ~IMAGE_LAST_RRSET;
}

/* Octets from a node's beginning to its first RRset (or to its end, where it is empty). */
static inline size_t image_node_head(const struct image_node *node)
{
    return image_align(sizeof(*node) + node->name_len);
}

#endif

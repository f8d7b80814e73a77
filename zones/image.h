/*
 * The frozen form of all zones: one contiguous, position-independent block, built by
 * the issuer in memory that is then sealed (common/memfile.h), mapped read-only by dnsd.
 *
 * image_open proves every offset and length once; lookups then need no check and
 * cannot leave the block, whatever bytes it holds.
 *
 * Layout, its alignment and static asserts are in image_format.h; both sides are the same
 * binary, so integers are in host order. The owner-name index is a hash table under a
 * keyed hash (the key is random for each image), so that nobody can choose collisions. Nodes
 * stand in canonical order (RFC 4034 6.1), every empty non-terminal among them.
 */
#ifndef CERTMILL_ZONES_IMAGE_H
#define CERTMILL_ZONES_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct zone;

struct image_options {
    uint64_t generation;
    uint32_t serial;      /* SOA serial of every zone in this image */
    uint8_t hash_key[16]; /* random */
};

/* Builds an image of count zones (none is possible) in a new sealed memfile. Returns the descriptor
 * (the caller's) or a negative error: ERR_LIMIT, ERR_EXISTS (two zones of one apex), -errno. */
int image_build(struct zone *const *zones, size_t count, const struct image_options *options);

/* An image as mapped and proven. Plain struct, so that query code inlines its lookups. */
struct image {
    const uint8_t *base;
    size_t len;
    uint64_t generation;
};

/* Proves len bytes at base, which must be 8-byte aligned. ERR_CORRUPT or ERR_VERSION. base stays
 * the caller's and must outlive *image. */
int image_open(struct image *image, const uint8_t *base, size_t len);

/* Checks the seals of fd (write, grow, shrink, seal), maps it read-only and opens it.
 * fd may be closed afterwards. image_unmap undoes it. */
int image_map(struct image *image, int fd);
void image_unmap(struct image *image);

/* What a lookup found, RFC 1034 4.3.2 step 3. */
enum image_match {
    IMAGE_NO_ZONE,    /* outside our zones */
    IMAGE_NODE,       /* the owner name exists (perhaps as empty non-terminal) */
    IMAGE_DELEGATION, /* at or below a zone cut: node is the cut */
    IMAGE_DNAME,      /* below a DNAME: node owns it */
    IMAGE_WILDCARD,   /* not there, a wildcard of the closest encloser covers it: node is it */
    IMAGE_NXDOMAIN,   /* not there */
};

struct image_zone;
struct image_node;
struct image_rrset;

struct image_result {
    enum image_match match;
    const struct image_zone *zone;
    const struct image_node *node;
    uint8_t node_offset; /* of the node's name (cut, DNAME owner, closest encloser) within qname */
};

/* Looks a name up. lower: wire form in lower case, len octets. Never allocates. */
void image_lookup(const struct image *image, const uint8_t *lower, size_t len,
                  struct image_result *result);

/* The same in three steps, for many names at once: each step fetches from memory what the next one
 * reads, so that a name's way through memory is gone while the others' are. hash is of lower in
 * this image; another one finds nothing or something else, but never leaves the image. */
uint64_t image_lookup_hash(const struct image *image, const uint8_t *lower, size_t len);
void image_lookup_fetch(const struct image *image, uint64_t hash);
void image_lookup_hashed(const struct image *image, const uint8_t *lower, size_t len, uint64_t hash,
                         struct image_result *result);

/* The node of exactly this name within zone, glue at or below a cut included, or NULL.
 * dnsd needs it for the addresses of a referral and for DS at a cut, where image_lookup
 * stops at the cut. lower: wire form in lower case, len octets. */
const struct image_node *image_find(const struct image *image, const struct image_zone *zone,
                                    const uint8_t *lower, size_t len);

/* The zone of a result, its apex (wire, lower case), SOA and NS. */
const uint8_t *image_zone_apex(const struct image *image, const struct image_zone *zone);
const struct image_rrset *image_zone_soa(const struct image *image, const struct image_zone *zone);
/* TTL of the SOA in negative answers: the smaller of its TTL and its minimum (RFC 2308 5). */
uint32_t image_zone_negative_ttl(const struct image *image, const struct image_zone *zone);

const uint8_t *image_node_name(const struct image *image, const struct image_node *node);
/* Whether a challenge value is live at this node or (empty non-terminal) below it. */
bool image_node_challenge(const struct image_node *node);
/* The RRset of a type at a node, or NULL. The first, and the next of the same node or NULL. */
const struct image_rrset *image_node_rrset(const struct image *image, const struct image_node *node,
                                           uint16_t type);
const struct image_rrset *image_node_first(const struct image *image,
                                           const struct image_node *node);
const struct image_rrset *image_rrset_next(const struct image *image,
                                           const struct image_rrset *rrset);

/* An RRset, ready to send: count RRs of wire_len bytes in all, each with an owner of two
 * octets (pointer 0xC00C, to the question's name), type, class IN, TTL, RDLENGTH and uncompressed
 * rdata. RRsets of a node come by ascending type. Rdata of SOA, NS, CNAME, DNAME, PTR, MX, SRV, A,
 * AAAA and TXT is known to have the form of its type (rdata.h). */
uint16_t image_rrset_type(const struct image_rrset *rrset);
uint16_t image_rrset_count(const struct image_rrset *rrset);
uint32_t image_rrset_ttl(const struct image_rrset *rrset);
const uint8_t *image_rrset_wire(const struct image_rrset *rrset, size_t *wire_len);

/* Counts for status. */
uint32_t image_zone_count(const struct image *image);
uint32_t image_node_count(const struct image *image);
/* By index below these counts. Zones: the inner one of two nested ones first. Nodes: zone by
 * zone, each zone's in canonical order. */
const struct image_zone *image_zone_at(const struct image *image, uint32_t index);
const struct image_node *image_node_by_index(const struct image *image, uint32_t index);

#endif

/*
 * Zones from text, images from zones, questions in text: what the tests of zones/ share.
 */
#ifndef CERTMILL_TESTS_UNIT_ZONES_SUPPORT_H
#define CERTMILL_TESTS_UNIT_ZONES_SUPPORT_H

#include <CUnit/CUnit.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "zones/image.h"
#include "zones/name.h"
#include "zones/zone.h"

#define APEX "acme.example.com"
#define PREAMBLE                                                                                   \
    "$TTL 300\n@ 600 SOA ns1.example.net. hostmaster 1 2 3 4 60\n@ NS ns1.example.net.\n"

static inline struct zone *zone_of(const char *apex, const char *text, uint32_t challenge_ttl)
{
    struct err err = {0};
    struct zone_static *s = NULL;
    struct zone *zone = NULL;

    CU_ASSERT_EQUAL_FATAL(zone_static_parse(&s, apex, "test.zone", text, strlen(text), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    CU_ASSERT_EQUAL_FATAL(zone_new(&zone, s, challenge_ttl), 0);
    return zone;
}

static inline int add(struct zone *zone, const char *name, const char *value, uint64_t owner,
                      int64_t expires)
{
    uint8_t wire[LIMIT_NAME_WIRE];

    CU_ASSERT_FATAL(name_from_text(wire, name) > 0);
    return zone_add(zone, wire, value, owner, expires);
}

static inline int take(struct zone *zone, const char *name, const char *value, uint64_t owner)
{
    uint8_t wire[LIMIT_NAME_WIRE];

    CU_ASSERT_FATAL(name_from_text(wire, name) > 0);
    return zone_remove(zone, wire, value, owner);
}

static inline struct image image_of(struct zone *const *zones, size_t count)
{
    struct image_options options = {
        .generation = 17, .serial = 4711, .hash_key = "a key of 16 byte"};
    struct image image = {0};
    int fd = image_build(zones, count, &options);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(image_map(&image, fd), 0);
    close(fd);
    return image;
}

/* At once and in its three steps, which must come to the same. */
static inline struct image_result look(const struct image *image, const char *name)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    struct image_result result, stepwise;

    CU_ASSERT_FATAL(name_from_text(wire, name) > 0);
    size_t len = name_lower(wire, wire);
    image_lookup(image, wire, len, &result);
    uint64_t hash = image_lookup_hash(image, wire, len);
    image_lookup_fetch(image, hash);
    image_lookup_hashed(image, wire, len, hash, &stepwise);
    CU_ASSERT_EQUAL(stepwise.match, result.match);
    CU_ASSERT_PTR_EQUAL(stepwise.zone, result.zone);
    CU_ASSERT_PTR_EQUAL(stepwise.node, result.node);
    CU_ASSERT_EQUAL(stepwise.node_offset, result.node_offset);
    return result;
}

/* Whether a lookup gives this match at this node (text; NULL: none). */
static inline bool finds(const struct image *image, const char *name, enum image_match match,
                         const char *node)
{
    struct image_result result = look(image, name);
    char text[LIMIT_NAME_TEXT] = "";
    uint8_t wire[LIMIT_NAME_WIRE];

    if (result.node != NULL) {
        name_to_text(text, image_node_name(image, result.node));
    }
    if (result.match != match || strcmp(text, node == NULL ? "" : node) != 0) {
        return false;
    }
    if (match == IMAGE_NO_ZONE) {
        return result.node == NULL;
    }
    /* The offset is that of the node's name within the question's; of the encloser, for a wildcard.
     */
    name_from_text(wire, name);
    name_lower(wire, wire);
    const uint8_t *found = image_node_name(image, result.node);
    return name_equal(wire + result.node_offset, match == IMAGE_WILDCARD ? found + 2 : found);
}

/* Number of RRs of a type at a node that exists, 0 where there are none. */
static inline unsigned records(const struct image *image, const char *name, uint16_t type)
{
    struct image_result result = look(image, name);

    if (result.node == NULL) {
        return 0;
    }
    const struct image_rrset *rrset = image_node_rrset(image, result.node, type);
    return rrset == NULL ? 0 : image_rrset_count(rrset);
}

/* A generator of its own, so that every run of a test is the same one. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

#endif

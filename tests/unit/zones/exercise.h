/*
 * Everything that can be asked of an image that image_open let pass, as answering does it: each
 * pointer is followed, each octet read. For tests and the fuzzer of images that are broken.
 */
#ifndef CERTMILL_TESTS_UNIT_ZONES_EXERCISE_H
#define CERTMILL_TESTS_UNIT_ZONES_EXERCISE_H

#include <string.h>

#include "zones/image.h"
#include "zones/name.h"

static inline uint64_t exercise_node(const struct image *image, const struct image_node *node)
{
    uint64_t sum = image_node_challenge(node) + name_len(image_node_name(image, node));
    const struct image_rrset *rrset = image_node_first(image, node);

    for (; rrset != NULL; rrset = image_rrset_next(image, rrset)) {
        size_t len;
        const uint8_t *wire = image_rrset_wire(rrset, &len);
        for (size_t i = 0; i < len; i++) {
            sum += wire[i];
        }
        sum += image_rrset_ttl(rrset) + image_rrset_count(rrset) + image_rrset_type(rrset);
        sum += image_node_rrset(image, node, image_rrset_type(rrset)) == rrset;
    }
    return sum;
}

static inline uint64_t exercise_name(const struct image *image, const uint8_t *name)
{
    struct image_result result;
    uint64_t sum = 0;

    /* the hash of another name: finds what it finds, within the image */
    uint64_t hash = image_lookup_hash(image, name + name[0] + (name[0] > 0), 1);
    image_lookup_fetch(image, hash);
    image_lookup_hashed(image, name, name_len(name), hash, &result);
    sum += result.node != NULL ? exercise_node(image, result.node) : 0;
    image_lookup(image, name, name_len(name), &result);
    if (result.zone != NULL) {
        sum += exercise_node(image, result.node);
        sum += image_zone_apex(image, result.zone)[0] + image_zone_negative_ttl(image, result.zone);
        sum += image_rrset_ttl(image_zone_soa(image, result.zone));
        sum += name[result.node_offset];
    }
    return sum;
}

/* Each name of the image, one below it, a wildcard below it, and each as a sibling. */
static inline uint64_t exercise(const struct image *image)
{
    uint64_t sum = image_zone_count(image);

    for (uint32_t i = 0; i < image_node_count(image); i++) {
        const struct image_node *node = image_node_by_index(image, i);
        const uint8_t *name = image_node_name(image, node);
        uint8_t below[LIMIT_NAME_WIRE + 4] = {1, 'q', 1, '*'};
        sum += exercise_node(image, node) + exercise_name(image, name);
        memcpy(below + 4, name, name_len(name));
        if (name_len(name) <= LIMIT_NAME_WIRE - 4) {
            sum += exercise_name(image, below) + exercise_name(image, below + 2);
        }
        below[5] ^= 1;
        if (name_measure(below + 4, LIMIT_NAME_WIRE) > 0) {
            sum += exercise_name(image, below + 4);
        }
        for (uint32_t zone = 0; zone < image_zone_count(image); zone++) {
            sum += image_find(image, image_zone_at(image, zone), name, name_len(name)) == node;
        }
    }
    return sum;
}

#endif

/*
 * Images for dnsd's tests, from zone text.
 */
#ifndef CERTMILL_TESTS_DNSD_IMAGES_H
#define CERTMILL_TESTS_DNSD_IMAGES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zones/image.h"
#include "zones/name.h"
#include "zones/zone.h"

#define IMAGES_SOA "@ 3600 IN SOA ns1.acme.example. hostmaster.acme.example. 1 7200 900 86400 60\n"

struct images_zone {
    const char *apex;
    const char *text;
};

/* Dies with the reason: a test without its image proves nothing. */
static inline struct zone *images_zone(const char *apex, const char *text)
{
    struct zone_static *s;
    struct zone *zone;
    struct err err = {0};

    if (zone_static_parse(&s, apex, "test.zone", text, strlen(text), &err) < 0 ||
        zone_new(&zone, s, 0) < 0) {
        fprintf(stderr, "zone %s: %s\n", apex, err.text);
        exit(2);
    }
    return zone;
}

static inline void images_challenge(struct zone *zone, const char *name, const char *value)
{
    uint8_t wire[LIMIT_NAME_WIRE];

    if (name_from_text(wire, name) < 0 || zone_add(zone, wire, value, 1, INT64_MAX) < 0) {
        fprintf(stderr, "challenge at %s\n", name);
        exit(2);
    }
}

/* A sealed memfd; zones stay the caller's. */
static inline int images_build(struct zone *const *zones, size_t count, uint64_t generation)
{
    const struct image_options options = {
        .generation = generation, .serial = (uint32_t)generation, .hash_key = "images"};
    int fd = image_build(zones, count, &options);

    if (fd < 0) {
        fprintf(stderr, "image_build: %d\n", fd);
        exit(2);
    }
    return fd;
}

static inline void images_map(struct image *image, int fd)
{
    int ret = image_map(image, fd);

    if (ret < 0) {
        fprintf(stderr, "image_map: %d\n", ret);
        exit(2);
    }
    close(fd);
}

/* A small zone with a challenge value whose text is the generation. */
static inline int images_simple(uint64_t generation)
{
    struct zone *zone = images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns1\n"
                                                               "ns1 3600 A 192.0.2.1\n");
    char value[32];
    int fd;

    snprintf(value, sizeof(value), "generation-%llu", (unsigned long long)generation);
    images_challenge(zone, "www.example.org.acme.example", value);
    fd = images_build(&zone, 1, generation);
    zone_free(zone);
    return fd;
}

#endif

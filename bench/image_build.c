/*
 * image_build [NAMES...]: how long a publication takes without the sockets in between. For each
 * number of live challenge names (default 1000 100000 1000000): medians of building and sealing,
 * and of mapping and proving, in milliseconds; size of the image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/numbers.h"
#include "zones/image.h"
#include "zones/name.h"
#include "zones/zone.h"

#define APEX   "acme.example.com"
#define ROUNDS 15

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct zone *make_zone(void)
{
    static const char *const nameservers[] = {"ns1.example.net"};
    struct zone_defaults defaults = {.nameservers = nameservers, .nameserver_count = 1};
    struct err err = {0};
    struct zone_static *s;
    struct zone *zone;

    if (zone_static_default(&s, APEX, &defaults, &err) < 0 || zone_new(&zone, s, 0) < 0) {
        fprintf(stderr, "image_build: %s\n", err.text);
        exit(1);
    }
    return zone;
}

static int add_names(struct zone *zone, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        char text[128], value[44];
        uint8_t name[LIMIT_NAME_WIRE];
        /* An odd factor scatters the order in which the names come. */
        unsigned long n = i * 2654435761UL % 1000000007UL;
        snprintf(text, sizeof(text), "host%lu.example.org." APEX, n);
        snprintf(value, sizeof(value), "%043lu", n);
        if (name_from_text(name, text) < 0 || zone_add(zone, name, value, i + 1, 600) < 0) {
            return -1;
        }
    }
    return 0;
}

static int measure(unsigned long count)
{
    struct image_options options = {.generation = 1, .serial = 1, .hash_key = "sixteen octets.."};
    double build[ROUNDS], open[ROUNDS];
    struct image image = {0};
    struct zone *zone = make_zone();
    int ret = -1;

    double start = now_ms();
    if (add_names(zone, count) < 0) {
        goto out;
    }
    double added = now_ms() - start;
    for (int i = 0; i < ROUNDS; i++) {
        start = now_ms();
        int fd = image_build(&zone, 1, &options);
        build[i] = now_ms() - start;
        start = now_ms();
        if (fd < 0 || image_map(&image, fd) < 0) {
            goto out;
        }
        open[i] = now_ms() - start;
        if (i == 0) {
            printf("%8lu names  %7.1f MB  add %8.1f ms", count, (double)image.len / 1e6, added);
        }
        image_unmap(&image);
        close(fd);
    }
    printf("  build and seal %8.3f ms  map and prove %8.3f ms\n", numbers_median(build, ROUNDS),
           numbers_median(open, ROUNDS));
    ret = 0;
out:
    zone_free(zone);
    return ret;
}

int main(int argc, char **argv)
{
    static const char *const defaults[] = {"1000", "100000", "1000000"};
    const char *const *counts = argc > 1 ? (const char *const *)argv + 1 : defaults;
    int n = argc > 1 ? argc - 1 : 3;

    for (int i = 0; i < n; i++) {
        if (measure(strtoul(counts[i], NULL, 10)) < 0) {
            fprintf(stderr, "image_build: %s names: failed\n", counts[i]);
            return 1;
        }
    }
    return 0;
}

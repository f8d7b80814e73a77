/*
 * query_loop [KIND [COUNT]]: what one message costs between recvmmsg and sendmmsg, in this process
 * alone. Without arguments: nanoseconds for each kind of message and calls of malloc in all; with a
 * kind, COUNT of it, for callgrind (--toggle-collect='answer_one*') to count instructions.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dnsd/respond.h"
#include "zones/image.h"
#include "zones/name.h"
#include "zones/zone.h"

#define APEX  "acme.example.com"
#define NAMES 10000
#define COUNT 300000

extern void *__libc_malloc(size_t size);

static size_t mallocs;

/* Counts, and does what it did. */
void *malloc(size_t size)
{
    mallocs++;
    return __libc_malloc(size);
}

struct loop {
    struct image image;
    struct service service;
    struct stats stats;
    struct responder responder;
    struct sockaddr_in from;
    uint8_t out[LIMIT_EDNS_PAYLOAD];
};

/* A kind of message: the name's pattern, its type, and what is done to it then. */
struct kind {
    const char *name, *pattern;
    uint8_t type;
    enum {
        PLAIN,
        EDNS,
        CUT_HEADER,
        RESPONSE,
        NO_QUESTION,
        CUT_NAME,
        BAD_LABEL,
        TRAILING,
        TWO_OPT
    } form;
};

static const struct kind kinds[] = {
    {"txt", "host%u.example.org." APEX, 16, PLAIN},
    {"txt-edns", "host%u.example.org." APEX, 16, EDNS},
    {"nxdomain", "none%u.example.org." APEX, 16, PLAIN},
    {"soa", APEX, 6, PLAIN},
    {"refused", "host%u.example.org.elsewhere.net", 16, PLAIN},
    {"cut-header", "host%u.example.org." APEX, 16, CUT_HEADER},
    {"response", "host%u.example.org." APEX, 16, RESPONSE},
    {"no-question", "host%u.example.org." APEX, 16, NO_QUESTION},
    {"cut-name", "host%u.example.org." APEX, 16, CUT_NAME},
    {"bad-label", "host%u.example.org." APEX, 16, BAD_LABEL},
    {"trailing", "host%u.example.org." APEX, 16, TRAILING},
    {"two-opt", "host%u.example.org." APEX, 16, TWO_OPT},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const uint8_t opt[11] = {0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0};

static size_t make(const struct kind *kind, unsigned number, uint8_t *out)
{
    char text[128];
    uint8_t name[LIMIT_NAME_WIRE];

    /* the pattern is one of the table's */
    char *at = stpncpy(text, kind->pattern, strcspn(kind->pattern, "%"));
    if (strchr(kind->pattern, '%') != NULL) {
        snprintf(at, sizeof(text) - (size_t)(at - text), "%u%s", number,
                 strchr(kind->pattern, '%') + 2);
    } else {
        *at = 0;
    }
    if (name_from_text(name, text) < 0) {
        exit(1);
    }
    size_t name_len_ = name_len(name), len = 12 + name_len_ + 4;
    memset(out, 0, 12);
    out[5] = 1;
    memcpy(out + 12, name, name_len_);
    memcpy(out + 12 + name_len_, (const uint8_t[4]){0, kind->type, 0, 1}, 4);
    switch (kind->form) {
    case EDNS:
    case TWO_OPT:
        for (int i = 0; i < (kind->form == EDNS ? 1 : 2); i++, len += sizeof(opt)) {
            memcpy(out + len, opt, sizeof(opt));
            out[11]++;
        }
        return len;
    case CUT_HEADER:
        return 11;
    case RESPONSE:
        out[2] = 0x80;
        return len;
    case NO_QUESTION:
        out[5] = 0;
        return 12;
    case CUT_NAME:
        return len - 10;
    case BAD_LABEL:
        out[12] = 0x80;
        return len;
    case TRAILING:
        memcpy(out + len, opt, sizeof(opt));
        return len + sizeof(opt);
    default:
        return len;
    }
}

static void prepare(struct loop *l)
{
    static const char *const nameservers[] = {"ns1.example.net"};
    const struct zone_defaults defaults = {.nameservers = nameservers, .nameserver_count = 1};
    struct image_options options = {.generation = 1, .serial = 1, .hash_key = "sixteen octets.."};
    struct err err = {0};
    struct zone_static *s;
    struct zone *zone;

    if (zone_static_default(&s, APEX, &defaults, &err) < 0 || zone_new(&zone, s, 0) < 0) {
        exit(1);
    }
    for (unsigned i = 0; i < NAMES; i++) {
        char text[128], value[44];
        uint8_t name[LIMIT_NAME_WIRE];

        snprintf(text, sizeof(text), "host%u.example.org." APEX, i);
        snprintf(value, sizeof(value), "%043u", i);
        if (name_from_text(name, text) < 0 || zone_add(zone, name, value, 1, INT64_MAX) < 0) {
            exit(1);
        }
    }
    int fd = image_build(&zone, 1, &options);
    if (fd < 0 || image_map(&l->image, fd) < 0 ||
        seen_new(&l->responder.seen, options.hash_key) < 0 ||
        rate_new(&l->responder.rate, options.hash_key) < 0) {
        exit(1);
    }
    close(fd);
    zone_free(zone);
    l->service.payload = 1232;
    l->responder.image = &l->image;
    l->responder.service = &l->service;
    l->responder.stats = &l->stats;
    l->from = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(5353)};
    l->from.sin_addr.s_addr = htonl(0xc0000201);
}

/* What udp.c does with a message; not inlined, so that callgrind finds it. */
__attribute__((noinline)) static size_t answer_one(struct loop *l, const uint8_t *in, size_t len)
{
    uint64_t hash = query_hash(&l->image, in, len);

    image_lookup_fetch(&l->image, hash);
    l->responder.hash = &hash;
    return respond(&l->responder, false, (const struct sockaddr *)&l->from, in, len, l->out,
                   sizeof(l->out));
}

static double run(struct loop *l, const struct kind *kind, unsigned count)
{
    static uint8_t messages[1024][256];
    static size_t lens[1024];
    struct timespec start, end;

    for (unsigned i = 0; i < 1024; i++) {
        lens[i] = make(kind, i * 7919 % NAMES, messages[i]);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (unsigned i = 0; i < count; i++) {
        answer_one(l, messages[i % 1024], lens[i % 1024]);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
           count;
}

int main(int argc, char **argv)
{
    static struct loop loop;

    prepare(&loop);
    for (size_t i = 0; argc > 1 && i < KINDS; i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            run(&loop, &kinds[i], argc > 2 ? (unsigned)atoi(argv[2]) : 1024);
            return 0;
        }
    }
    printf("{");
    size_t before = mallocs; /* printf has its buffer */
    for (size_t i = 0; i < KINDS; i++) {
        run(&loop, &kinds[i], 1024);
        printf("\"%s\": %.1f, ", kinds[i].name, run(&loop, &kinds[i], COUNT));
    }
    printf("\"mallocs\": %zu}\n", mallocs - before);
    return 0;
}

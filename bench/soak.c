/*
 * soak [--publications N] [--names N] [--load N] [--seed N]: a day of publications and more, one
 * after the other, for a real dnsd whose supervisor and issuer this program is.
 *
 * Each publication adds or removes some values (the same ones in each run) and goes the real way:
 * zone, image, sealed memfd, acknowledgement. As soon as it is acknowledged dnsd is asked for what
 * was changed and for other names, mostly over UDP: it has to answer with exactly the values that
 * are there. Some publications overtake each other; now and then the issuer's channel is replaced,
 * as it is when the issuer dies. Meanwhile a thread asks for names at random (soak_load.c).
 * Resident memory, descriptors and mappings of dnsd have to stay what they were.
 *
 * Exit status 0: every answer was right, nothing grew, dnsd ended as it should.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "bench/soak_load.h"
#include "bench/soak_watch.h"
#include "common/wire.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/process.h"

#define VALUES      4    /* a name, at most */
#define CHANGES     8    /* a publication, at most */
#define OTHERS      4    /* names checked besides those that changed */
#define BURST       3    /* publications without waiting */
#define BURST_EACH  16   /* every so many */
#define TCP_EACH    32   /* checks over TCP instead */
#define ISSUER_EACH 1000 /* the channel is replaced */
#define TRIES       5    /* of a query, half a second each */
#define SAMPLES     40

struct name {
    uint32_t values[VALUES];
    uint32_t count;
};

struct soak {
    struct process process;
    struct zone *zone;
    struct name *names;
    size_t name_count, live_wanted, live;
    uint64_t random, generation;
    uint32_t last_value;
    size_t touched[CHANGES * BURST], touched_count;
    uint64_t checked, over_tcp, again, wrong;
};

static uint32_t pick(struct soak *s, size_t below)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((s->random >> 33) % below);
}

static void hold(struct soak *s, size_t at, uint32_t value, bool add)
{
    char text[SOAK_TEXT], owner[SOAK_TEXT];
    uint8_t wire[LIMIT_NAME_WIRE];
    int ret;

    soak_name(owner, at);
    soak_value(text, at, value);
    if (name_from_text(wire, owner) < 0) {
        abort();
    }
    ret = add ? zone_add(s->zone, wire, text, value, INT64_MAX)
              : zone_remove(s->zone, wire, text, value);
    if (ret != 1) {
        fprintf(stderr, "soak: %s %s at %s: %d\n", add ? "add" : "remove", text, owner, ret);
        exit(2);
    }
}

/* One value more or less, so that the number of live names stays about what is wanted. */
static void change(struct soak *s)
{
    bool add = pick(s, 4) < (s->live < s->live_wanted ? 3u : 1u);
    size_t at;
    struct name *name;

    do {
        at = pick(s, s->name_count);
        name = &s->names[at];
    } while (add ? name->count == VALUES : name->count == 0);
    if (add) {
        s->live += name->count == 0;
        name->values[name->count++] = ++s->last_value;
        hold(s, at, s->last_value, true);
    } else {
        uint32_t which = pick(s, name->count);

        hold(s, at, name->values[which], false);
        name->values[which] = name->values[--name->count];
        s->live -= name->count == 0;
    }
    s->touched[s->touched_count++] = at;
}

static void publish(struct soak *s)
{
    for (uint32_t i = 1 + pick(s, CHANGES); i > 0; i--) {
        change(s);
    }
    s->generation++;
    process_image(&s->process, s->generation, images_build(&s->zone, 1, s->generation));
}

static void wait_acknowledged(struct soak *s)
{
    uint64_t generation;

    do {
        if (!process_expect(&s->process, IPC_IMAGE_ACK)) {
            fprintf(stderr, "soak: generation %llu was not acknowledged\n",
                    (unsigned long long)s->generation);
            exit(1);
        }
        generation = msg_get_u64(&s->process.reader);
    } while (generation < s->generation);
}

static void replace_issuer(struct soak *s)
{
    int pair[2];

    close(s->process.issuer);
    process_pair(pair);
    process_send(&s->process, s->process.control, IPC_PEER, pair[1]);
    close(pair[1]);
    s->process.issuer = pair[0];
}

/* Whether the answer holds the name's values, all of them and no other. */
static bool is_right(const struct soak *s, size_t at, const uint8_t *answer, size_t len)
{
    const struct name *name = &s->names[at];
    const unsigned rcode = name->count > 0 ? 0 : 3;

    if (len < 12 || (answer[3] & 15) != rcode || wire_read_u16(answer + 6) != name->count) {
        return false;
    }
    for (uint32_t i = 0; i < name->count; i++) {
        char text[SOAK_TEXT];

        soak_value(text, at, name->values[i]);
        if (memmem(answer, len, text, strlen(text)) == NULL) {
            return false;
        }
    }
    return true;
}

static size_t ask(struct soak *s, bool tcp, size_t at, uint8_t *answer, size_t cap)
{
    const struct sockaddr_in *to = tcp ? &s->process.tcp : &s->process.udp;

    for (int i = 0; i < TRIES; i++) {
        size_t len = soak_ask(to, tcp, at, (unsigned)(s->checked + (uint64_t)i), answer, cap);

        if (len >= 12 && (answer[2] & 2) == 0) {
            return len;
        }
        s->again++;
    }
    return 0;
}

static void check(struct soak *s, size_t at, bool tcp)
{
    uint8_t answer[4096];
    size_t len = ask(s, tcp, at, answer, sizeof(answer));

    s->checked++;
    s->over_tcp += tcp;
    if (!is_right(s, at, answer, len)) {
        s->wrong++;
        fprintf(stderr,
                "soak: generation %llu, name %zu, %u values, %s: %s, rcode %d, %d records\n",
                (unsigned long long)s->generation, at, s->names[at].count, tcp ? "TCP" : "UDP",
                len == 0 ? "no answer" : "wrong answer", len > 3 ? answer[3] & 15 : -1,
                len > 7 ? wire_read_u16(answer + 6) : -1);
    }
}

/* Publishes once or, overtaking each other, some times; the number of them. */
static uint64_t turn(struct soak *s, uint64_t number)
{
    uint64_t count = number % BURST_EACH == 0 ? BURST : 1;

    if (number % ISSUER_EACH == 0) {
        replace_issuer(s);
    }
    s->touched_count = 0;
    for (uint64_t i = 0; i < count; i++) {
        publish(s);
    }
    wait_acknowledged(s);
    for (size_t i = 0; i < s->touched_count; i++) {
        check(s, s->touched[i], number % TCP_EACH == 1 && i == 0);
    }
    for (int i = 0; i < OTHERS; i++) {
        check(s, pick(s, s->name_count), false);
    }
    return count;
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct options {
    unsigned long publications, names, load, seed;
};

static void fill(struct soak *s)
{
    s->touched_count = 0;
    while (s->live < s->live_wanted) {
        change(s);
        s->touched_count = 0;
    }
    publish(s);
    wait_acknowledged(s);
}

static bool run(struct soak *s, const struct options *o)
{
    struct soak_watch watch = {.pid = s->process.pid};
    struct soak_load *load;
    double start;

    fill(s);
    load = soak_load_start(&s->process.udp, s->name_count, o->load);
    start = seconds();
    for (uint64_t turns = 1, done = 0, sampled = 0; done < o->publications; turns++) {
        done += turn(s, turns);
        if (done * SAMPLES / o->publications > sampled) {
            sampled = done * SAMPLES / o->publications;
            soak_watch_sample(&watch, done);
        }
    }
    double took = seconds() - start;
    bool served = soak_load_stop(load);
    printf("%llu publications in %.1f s, %zu live names of %zu, %llu checks (%llu over TCP, %llu "
           "asked again): "
           "%llu wrong\n",
           (unsigned long long)s->generation, took, s->live, s->name_count,
           (unsigned long long)s->checked, (unsigned long long)s->over_tcp,
           (unsigned long long)s->again, (unsigned long long)s->wrong);
    return soak_watch_flat(&watch) && served && s->wrong == 0;
}

static int parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.publications = 200000, .names = 2000, .load = 5000, .seed = 1};
    for (int i = 1; i < argc; i += 2) {
        unsigned long *value = strcmp(argv[i], "--publications") == 0 ? &o->publications
                               : strcmp(argv[i], "--names") == 0      ? &o->names
                               : strcmp(argv[i], "--load") == 0       ? &o->load
                               : strcmp(argv[i], "--seed") == 0       ? &o->seed
                                                                      : NULL;

        if (value == NULL || i + 1 == argc) {
            return -1;
        }
        *value = strtoul(argv[i + 1], NULL, 10);
    }
    return o->publications > 0 && o->names > 0 && o->names <= 40000 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct soak soak;
    struct options options;
    bool good;

    if (parse(&options, argc, argv) < 0) {
        fprintf(stderr, "usage: soak [--publications N] [--names N] [--load N] [--seed N]\n");
        return 2;
    }
    process_start(&soak.process);
    soak.random = options.seed;
    soak.live_wanted = options.names;
    soak.name_count = 2 * options.names;
    soak.names = calloc(soak.name_count, sizeof(*soak.names));
    if (soak.names == NULL) {
        return 2;
    }
    soak.zone = images_zone("acme.example", IMAGES_SOA "@ 3600 NS ns1\nns1 3600 A 192.0.2.1\n");
    good = run(&soak, &options);
    process_send(&soak.process, soak.process.control, IPC_STOP, -1);
    int status = process_wait(&soak.process);
    printf("dnsd ended with status %d\n", status);
    zone_free(soak.zone);
    free(soak.names);
    return good && status == 0 ? 0 : 1;
}

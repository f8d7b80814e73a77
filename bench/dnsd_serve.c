/*
 * dnsd_serve [--binary=CERTMILLD] [--port=PORT] [--names=N] [--workers=N] [--cpus=LIST]
 *            [--queue=OCTETS] [--spread] [--KEY=VALUE of certmilld...]
 *
 * The real dnsd with N live challenge names, hostI.example.org.acme.example.com, and this program
 * as its supervisor and issuer. Prints one line of JSON when it serves, then takes commands from
 * stdin and prints a line of JSON for each:
 *
 *   publish COUNT   that many publications, each with other values, timed from the decision to the
 *                   acknowledgement that every worker answers from it
 *   stats           dnsd's counters
 *
 * End of input ends it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/dnsd_process.h"
#include "bench/numbers.h"
#include "bench/publish_check.h"
#include "bench/schedstat.h"
#include "common/priority.h"
#include "zones/image.h"
#include "zones/name.h"
#include "zones/zone.h"

#define APEX    "acme.example.com"
#define EXPIRES INT64_MAX
#define PAUSE   1500 /* us at most between two publications */

struct serve {
    struct dnsd_options options;
    struct dnsd_process dnsd;
    struct zone *zone;
    uint64_t generation;
    unsigned long names;
};

/* One publication, in microseconds. */
struct publication {
    double total, build;
    double cpu; /* of that, on a core: this thread and dnsd's main one */
};

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Processor time of this thread. */
static double own_cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fail(const char *what, int code)
{
    fprintf(stderr, "dnsd_serve: %s: %s\n", what, err_string(code));
    exit(1);
}

static struct zone *make_zone(void)
{
    static const char *const nameservers[] = {"ns1.example.net"};
    const struct zone_defaults defaults = {.nameservers = nameservers, .nameserver_count = 1};
    struct err err = {0};
    struct zone_static *s;
    struct zone *zone;

    if (zone_static_default(&s, APEX, &defaults, &err) < 0 || zone_new(&zone, s, 0) < 0) {
        fprintf(stderr, "dnsd_serve: %s\n", err.text);
        exit(1);
    }
    return zone;
}

static void add(struct zone *zone, const char *text, const char *value, uint64_t owner)
{
    uint8_t name[LIMIT_NAME_WIRE];
    int ret = name_from_text(name, text);

    if (ret < 0 || (ret = zone_add(zone, name, value, owner, EXPIRES)) < 0) {
        fail(text, ret);
    }
}

static void add_names(struct serve *s)
{
    for (unsigned long i = 0; i < s->names; i++) {
        char text[128], value[44];

        snprintf(text, sizeof(text), "host%lu.example.org." APEX, i);
        snprintf(value, sizeof(value), "%043lu", i * 2654435761UL);
        add(s->zone, text, value, i + 1);
    }
}

/* The values of the next generation instead of those of the last. */
static void change_values(struct serve *s)
{
    zone_remove_owner(s->zone, UINT64_MAX);
    s->generation++;
    for (char which = 'a'; which <= 'b'; which++) {
        for (char part = 'x'; part <= 'y'; part++) {
            char text[64], value[64];

            snprintf(text, sizeof(text), PUBLISH_CHECK_NAME, which);
            snprintf(value, sizeof(value), PUBLISH_CHECK_VALUE, (unsigned long long)s->generation,
                     part);
            add(s->zone, text, value, UINT64_MAX);
        }
    }
}

/* Builds and hands over; returns how long building took, in us. */
static double send_image(struct serve *s)
{
    struct image_options options = {.generation = s->generation, .serial = (uint32_t)s->generation};
    double start = now_us();

    if (getentropy(options.hash_key, sizeof(options.hash_key)) < 0) {
        fail("getentropy", -errno);
    }
    int fd = image_build(&s->zone, 1, &options);
    if (fd < 0) {
        fail("image_build", fd);
    }
    double built = now_us() - start;
    dnsd_process_image(&s->dnsd, s->generation, fd);
    return built;
}

static void serve_first(struct serve *s)
{
    s->zone = make_zone();
    double start = now_us();
    add_names(s);
    double added = now_us();

    dnsd_process_start(&s->dnsd, &s->options);
    double ready = now_us();
    s->generation = 1;
    double built = send_image(s);
    dnsd_process_wait(&s->dnsd, s->generation);
    double served = now_us();
    printf("{\"pid\": %d, \"added_ms\": %.1f, \"built_ms\": %.1f, \"served_ms\": %.1f, "
           "\"start_ms\": %.1f}\n",
           (int)s->dnsd.pid, (added - start) / 1e3, built / 1e3, (served - ready) / 1e3,
           (served - added) / 1e3);
}

static struct publication publish_one(struct serve *s)
{
    struct schedstat before, after;
    struct publication p;

    schedstat_read(&before, s->dnsd.pid);
    double start = now_us(), ran = own_cpu_us();
    change_values(s);
    p.build = send_image(s);
    dnsd_process_wait(&s->dnsd, s->generation);
    p.total = now_us() - start;
    p.cpu = own_cpu_us() - ran;
    schedstat_read(&after, s->dnsd.pid);
    p.cpu += (double)(after.threads[0].ran - before.threads[0].ran) / 1e3;
    return p;
}

static void print_quantiles(const char *what, double *values, size_t count)
{
    numbers_sort(values, count);
    printf("\"%s\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}, ", what,
           values[count / 2] / 1e3, values[count * 9 / 10] / 1e3, values[count * 99 / 100] / 1e3,
           values[count - 1] / 1e3);
}

static void publish(struct serve *s, size_t count)
{
    double *values = calloc(3 * count, sizeof(*values));
    struct publish_check *check;
    struct publish_counts counts;

    publish_one(s);
    check = publish_check_new(s->options.port, s->generation);
    for (size_t i = 0; i < count; i++) {
        struct publication p = publish_one(s);

        publish_check_served(check, s->generation);
        values[i] = p.total;
        values[count + i] = p.build;
        values[2 * count + i] = p.cpu;
        usleep((useconds_t)(i * 2654435761U % PAUSE)); /* in step with nothing */
        dnsd_process_drain(&s->dnsd);
    }
    publish_check_free(check, &counts);
    printf("{\"names\": %lu, \"count\": %zu, ", s->names, count);
    print_quantiles("ms", values, count);
    print_quantiles("build_ms", values + count, count);
    print_quantiles("cpu_ms", values + 2 * count, count);
    printf("\"pairs\": %llu, \"lost\": %llu, \"mixed\": %llu, \"back\": %llu, \"late\": %llu}\n",
           (unsigned long long)counts.pairs, (unsigned long long)counts.lost,
           (unsigned long long)counts.mixed, (unsigned long long)counts.back,
           (unsigned long long)counts.late);
    free(values);
}

/* Commands until the end of input; what dnsd says in between is read and dropped. */
static void take_commands(struct serve *s)
{
    char line[128];

    for (;;) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN},
                                {.fd = s->dnsd.issuer, .events = POLLIN}};

        fflush(stdout);
        if (poll(fds, 2, -1) < 0) {
            continue;
        }
        dnsd_process_drain(&s->dnsd);
        if ((fds[1].revents & POLLHUP) != 0) {
            fprintf(stderr, "dnsd_serve: dnsd has ended\n");
            exit(1);
        }
        if (fds[0].revents == 0) {
            continue;
        }
        ssize_t n = read(0, line, sizeof(line) - 1);
        if (n <= 0) {
            return;
        }
        line[n] = 0;
        if (strncmp(line, "publish ", 8) == 0) {
            publish(s, strtoul(line + 8, NULL, 10));
        } else if (strncmp(line, "stats", 5) == 0) {
            dnsd_process_stats(&s->dnsd);
        }
    }
}

/* Of "--KEY=VALUE" the value, where KEY is this one; "" where it has none. */
static const char *value_of(const char *arg, const char *key)
{
    size_t len = strlen(key);

    if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, key, len) != 0) {
        return NULL;
    }
    arg += 2 + len;
    return *arg == '=' ? arg + 1 : *arg == 0 ? arg : NULL;
}

/* Ours come first; from the first unknown one on they are certmilld's. */
static void parse(struct serve *s, int argc, char **argv)
{
    struct dnsd_options *o = &s->options;
    const char *value;
    int i = 1;

    *o = (struct dnsd_options){.workers = 1, .binary = "build/bin/certmilld", .port = 5300};
    for (; i < argc; i++) {
        if ((value = value_of(argv[i], "binary")) != NULL) {
            o->binary = value;
        } else if ((value = value_of(argv[i], "port")) != NULL) {
            o->port = (uint16_t)strtoul(value, NULL, 10);
        } else if ((value = value_of(argv[i], "names")) != NULL) {
            s->names = strtoul(value, NULL, 10);
        } else if ((value = value_of(argv[i], "workers")) != NULL) {
            o->workers = strtoul(value, NULL, 10);
        } else if ((value = value_of(argv[i], "cpus")) != NULL) {
            o->cpus = value;
        } else if ((value = value_of(argv[i], "queue")) != NULL) {
            o->queue = atoi(value);
        } else if (value_of(argv[i], "spread") != NULL) {
            o->spread = true;
        } else {
            break;
        }
    }
    o->settings = argv + i;
    o->setting_count = (size_t)(argc - i);
}

int main(int argc, char **argv)
{
    static struct serve s;

    parse(&s, argc, argv);
    priority_raise(); /* as the issuer does */
    serve_first(&s);
    take_commands(&s);
    dnsd_process_stop(&s.dnsd);
    zone_free(s.zone);
    return 0;
}

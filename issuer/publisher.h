/*
 * The zones of this server and their publication to dnsd: the sole writer.
 *
 * A change marks the zones dirty. At the end of the loop's turn a new image is built,
 * sealed and sent; changes that come while it is under way go together into the next.
 * The barrier (publisher_wait) calls back once the generation that holds everything
 * added so far is acknowledged by every worker.
 */
#ifndef CERTMILL_ISSUER_PUBLISHER_H
#define CERTMILL_ISSUER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/boot.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/log.h"
#include "issuer/generation.h"

struct publisher;

struct publisher_seen {
    const uint8_t *name; /* wire, lower case */
    uint16_t qtype;
    bool tcp, answered;
    uint8_t rcode;
    const uint8_t *address;
    size_t address_len; /* 4 or 16 */
    uint32_t times;
    uint64_t generation;
};

struct publisher_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    uint64_t first_generation;      /* as promised by the store */
    generation_promise_fn *reserve; /* gets arg */
    void (*on_seen)(void *arg, const struct publisher_seen *seen);
    void (*on_broken)(void *arg); /* dnsd broke the protocol and was cut off; may be NULL */
    void *arg;
};

int publisher_new(struct publisher **out, const struct publisher_options *options);
/* Waiters are forgotten; memory goes once the loop has closed the handles. */
void publisher_free(struct publisher *publisher);

/* Judges all zones of the boot (its zone files are read), and only if every one is good takes them
 * over. */
int publisher_configure(struct publisher *publisher, const struct boot *boot, struct err *err);
/* A (new) channel to dnsd; taken over. It gets the newest image. */
int publisher_attach(struct publisher *publisher, int fd);

/* Adds or removes the value for a domain (normal form, `*.` ignored) and an order, in the first
 * zone configured; expires: Unix seconds, as the clock stands (set back or forward later, the value
 * lives as long). ERR_RANGE, ERR_LIMIT, ERR_EXISTS as zone_add. */
int publisher_add(struct publisher *publisher, const char *domain, const char *value,
                  uint64_t order, int64_t expires, struct err *err);
int publisher_remove(struct publisher *publisher, const char *domain, const char *value,
                     uint64_t order);
/* Removes all that the order still has. */
void publisher_release(struct publisher *publisher, uint64_t order);
/* Record name of a domain in wire form, lower case: what publisher_seen.name holds. Its length or
 * an error. */
int publisher_record_wire(const struct publisher *publisher, const char *domain,
                          uint8_t dst[static LIMIT_NAME_WIRE]);
/* Record name of a domain in text without last dot, for messages: "NAME.ZONE". */
int publisher_record(const struct publisher *publisher, const char *domain, char *dst, size_t cap);
/* The apex of the zone that takes challenges, in text; lives until publisher_configure. */
const char *publisher_zone(const struct publisher *publisher);

/* Calls fn once, from the loop, when all that was added before is being answered; generation:
 * which. Returns a number for publisher_cancel, 0 on -ENOMEM. */
typedef void publisher_wait_fn(void *arg, uint64_t generation);
uint64_t publisher_wait(struct publisher *publisher, publisher_wait_fn *fn, void *arg);
void publisher_cancel(struct publisher *publisher, uint64_t wait);

/* For status and records. */
uint64_t publisher_generation(const struct publisher *publisher); /* last acknowledged */
size_t publisher_live(const struct publisher *publisher);         /* challenge values */
typedef void publisher_record_fn(void *arg, const char *zone, const char *name, const char *value,
                                 uint64_t order, int64_t expires);
void publisher_each(const struct publisher *publisher, publisher_record_fn *fn, void *arg);
/* Asks dnsd for its counters; fn once, count 0 where dnsd is not there within 1 s. */
struct publisher_counter {
    char name[48];
    uint64_t value;
};
typedef void publisher_stats_fn(void *arg, const struct publisher_counter *counters, size_t count);
int publisher_stats(struct publisher *publisher, publisher_stats_fn *fn, void *arg);

#endif

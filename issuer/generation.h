/*
 * The numbers of images, and with them the SOA serials of all zones: each is larger than any
 * before, over restarts, a clock set back, a kill at any instant. Secondaries compare serials by
 * RFC 1982, so that one that goes back, or ahead by 2^31 and more, leaves them with old data.
 *
 * A block of numbers is promised in the store before it is used, and a start begins behind the
 * last promise, or at Unix time where that is more. The clock is for the store that is new, lost,
 * restored from a backup, or on a full disk: as long as fewer images than seconds went by on the
 * average, Unix time is behind all of them. Where it is not, the promise holds by itself.
 */
#ifndef CERTMILL_ISSUER_GENERATION_H
#define CERTMILL_ISSUER_GENERATION_H

#include <stdint.h>

/* Stores that all below limit may be used; 0 or negative, having said what is wrong. */
typedef int generation_promise_fn(void *arg, uint64_t limit);

struct generation {
    uint64_t next;
    uint64_t promised; /* all below may be used */
    generation_promise_fn *promise;
    void *arg;
};

/* promised: what the store says, at most 1 where it never promised any; now: Unix seconds. */
void generation_init(struct generation *generation, uint64_t promised, int64_t now,
                     generation_promise_fn *promise, void *arg);

/* The number of a new image. */
uint64_t generation_take(struct generation *generation);

/* Its low 32 bits, never 0, which some programs take for "none". */
static inline uint32_t generation_serial(uint64_t number)
{
    return (uint32_t)number;
}

#endif

/*
 * Counters. Each worker writes its own block, on cache lines of its own; the main thread
 * reads all of them and sums. Relaxed atomics: no lock prefix, no order needed.
 */
#ifndef CERTMILL_DNSD_STATS_H
#define CERTMILL_DNSD_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "dnsd/query.h"

/* Everything up to STATS_SERVFAIL stands in the order of enum query_outcome. */
enum stats_counter {
    STATS_DROPPED,
    STATS_NOERROR,
    STATS_NODATA,
    STATS_NXDOMAIN,
    STATS_REFERRAL,
    STATS_REFUSED,
    STATS_FORMERR,
    STATS_NOTIMP,
    STATS_BADVERS,
    STATS_BADCOOKIE,
    STATS_SERVFAIL,
    STATS_UDP,
    STATS_TCP,
    STATS_TRUNCATED,
    STATS_SEND_FAILED, /* answers the kernel did not take */
    STATS_SEEN,        /* questions for live challenge names */
    STATS_SEEN_LOST,   /* of these, not reported: too many different askers at once */
    STATS_TCP_OPENED,
    STATS_TCP_CLOSED,  /* by us: idle, or to make room */
    STATS_TCP_REFUSED, /* the address had enough of them */
    STATS_COOKIE,      /* questions with a cookie of ours */
    STATS_RATE_DROPPED,
    STATS_RATE_SLIPPED, /* sent truncated instead */
    STATS_SHED,         /* not sent while more came than could be answered */
    STATS_COUNTERS,
};

struct stats {
    _Alignas(64) _Atomic uint64_t counter[STATS_COUNTERS];
};

static inline void stats_add(struct stats *stats, enum stats_counter counter, uint64_t n)
{
    _Atomic uint64_t *c = &stats->counter[counter];

    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t stats_get(const struct stats *stats, enum stats_counter counter)
{
    return atomic_load_explicit(&stats->counter[counter], memory_order_relaxed);
}

/* Writes the sums over count blocks, *blocks each, as the fields of IPC_STATS. */
void stats_put(struct msg_writer *w, const struct stats *const *blocks, size_t count);

#endif

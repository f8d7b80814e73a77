/*
 * A worker: one thread with a loop, sockets, counters and table of askers of its own. It shares
 * with others the published image only.
 *
 * It reads its sockets once it has taken its first image. Until then, a few milliseconds after a
 * start, queries wait in the kernel: an answer then could only be a failure, and a CA that
 * gets one fails its validation. Where no image comes within LIMIT_IMAGE_WAIT_MS, a failure is
 * what the world has to know: silence would make it ask again and again (RFC 8906 3).
 */
#ifndef CERTMILL_DNSD_WORKER_H
#define CERTMILL_DNSD_WORKER_H

#include <stddef.h>
#include <uv.h>

#include "common/clock.h"
#include "common/err.h"
#include "dnsd/quota.h"
#include "dnsd/rate.h"
#include "dnsd/seen.h"
#include "dnsd/service.h"
#include "dnsd/stats.h"
#include "dnsd/swap.h"
#include "dnsd/wake.h"

struct worker;

struct worker_options {
    size_t index; /* 0-based, as the swap counts */
    struct swap *swap;
    struct wake *notify;  /* woken when an image was taken, askers are offered, a rate is reached */
    const int *udp, *tcp; /* bound and listening sockets; must outlive the worker */
    size_t udp_count, tcp_count;
    const struct service *service; /* copied */
    struct quota *quota;           /* of all workers; must outlive them */
    const struct clock *clock;     /* likewise */
    uint8_t hash_key[16];          /* random */
};

/* Prepares everything but the thread, so that a sandbox may close in between. */
int worker_new(struct worker **out, const struct worker_options *options, struct err *err);
/* From any thread: another configuration, copied; in use from the next batch on. */
void worker_configure(struct worker *worker, const struct service *service);
/* Starts the thread. -errno. */
int worker_start(struct worker *worker);
/* From any thread: there may be another image, or a table of askers came back. */
void worker_wake(struct worker *worker);
/* From any thread: the worker closes its sockets and its thread ends. */
void worker_stop(struct worker *worker);
/* Waits for the thread (worker_stop came before) and frees. */
void worker_free(struct worker *worker);

const struct stats *worker_stats(const struct worker *worker);
struct seen *worker_seen(const struct worker *worker);
struct rate *worker_rate(const struct worker *worker);

#endif

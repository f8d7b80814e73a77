/*
 * Tells the operator when rate limits begin to hold answers back and when that is over, at most
 * one line in LIMIT_RATE_LOG_MS however much is held back. On the main thread; it has no timer
 * running while nothing is.
 */
#ifndef CERTMILL_DNSD_RATE_WATCH_H
#define CERTMILL_DNSD_RATE_WATCH_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/log.h"
#include "dnsd/rate.h"

struct rate_watch;

struct rate_watch_options {
    uv_loop_t *loop;
    struct log *log;
    struct rate *const *rates; /* of the workers; must outlive the watch */
    size_t count;
    uint64_t pause_ms; /* between two lines: LIMIT_RATE_LOG_MS */
};

/* -ENOMEM. */
int rate_watch_new(struct rate_watch **out, const struct rate_watch_options *options);
/* A worker may have kept an example. */
void rate_watch_notify(struct rate_watch *watch);
/* Closes its handle; run the loop once more before rate_watch_free. */
void rate_watch_close(struct rate_watch *watch);
void rate_watch_free(struct rate_watch *watch);

#endif

/*
 * A worker's way from a message to its answer: the image of the moment, counters, seen, rate
 * limits.
 */
#ifndef CERTMILL_DNSD_RESPOND_H
#define CERTMILL_DNSD_RESPOND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnsd/query.h"
#include "dnsd/rate.h"
#include "dnsd/seen.h"
#include "dnsd/service.h"
#include "dnsd/stats.h"

struct sockaddr;

struct responder {
    const struct image *image;     /* NULL: none yet; changes between two batches only, */
    const struct service *service; /* as does this */
    const uint64_t *hash;          /* query_hash of the next message, or NULL */
    struct rate *rate;
    uint64_t now_ms; /* monotonic, and */
    uint32_t now;    /* Unix seconds: as they were at the batch's beginning */
    bool pressed;    /* more comes over UDP than can be answered: see udp.c */
    struct stats *stats;
    struct seen *seen;
};

/* As query_answer; from is where the message came from (AF_INET or AF_INET6). Over UDP an answer
 * beyond the rate limits is 0 octets or truncated, but never one for a live challenge name or what
 * stands above it, and never one to a client with a cookie of ours. */
size_t respond(struct responder *responder, bool tcp, const struct sockaddr *from,
               const uint8_t *in, size_t in_len, uint8_t *out, size_t cap);

#endif

/*
 * The issuer's end of the channel to dnsd: messages out, and what comes in, decoded and
 * checked (common/ipc.h, IPC_IMAGE and on). A peer that breaks the protocol is cut off.
 */
#ifndef CERTMILL_ISSUER_PUBLISHER_LINK_H
#define CERTMILL_ISSUER_PUBLISHER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "issuer/publisher.h"

struct publisher_link;

/* Called from the loop. After lost the link is gone and no other call comes. */
struct publisher_link_events {
    void (*ack)(void *arg, uint64_t generation);
    void (*refused)(void *arg, uint64_t generation, const char *reason);
    void (*seen)(void *arg, const struct publisher_seen *seen);
    void (*stats)(void *arg, const struct publisher_counter *counters, size_t count);
    void (*writable)(void *arg); /* after -EAGAIN: try again */
    /* broken: dnsd did not keep to the protocol */
    void (*lost)(void *arg, const char *why, bool broken);
    void *arg;
};

/* fd is taken over, also on error. */
int publisher_link_new(struct publisher_link **out, uv_loop_t *loop, int fd,
                       const struct publisher_link_events *events);
/* Closes; no event comes any more. */
void publisher_link_free(struct publisher_link *link);

/* 0, -EAGAIN (writable will come), or another error, after which the link is of no use. */
int publisher_link_image(struct publisher_link *link, uint64_t generation, int image);
int publisher_link_stats(struct publisher_link *link);

#endif

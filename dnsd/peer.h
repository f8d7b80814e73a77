/*
 * The issuer's end of dnsd, on the main thread: images come in and are acknowledged, askers and
 * counters go out. Nothing here waits: what the channel does not take now goes when it can
 * be written again, the latest of each kind.
 */
#ifndef CERTMILL_DNSD_PEER_H
#define CERTMILL_DNSD_PEER_H

#include <stddef.h>
#include <uv.h>

#include "common/log.h"
#include "dnsd/swap.h"
#include "dnsd/worker.h"

struct peer;

struct peer_options {
    uv_loop_t *loop;
    struct log *log;
    struct swap *swap;
    struct worker *const *workers;
    size_t worker_count;
};

/* -errno. options' objects stay the caller's and must outlive the peer. */
int peer_new(struct peer **out, const struct peer_options *options);
/* Takes over fd, a new channel to an issuer; the one before is closed. -errno (fd is closed). */
int peer_connect(struct peer *peer, int fd);
/* A worker took an image, offers askers or has reached a rate limit. */
void peer_notify(struct peer *peer);
/* Closes handles and channel; run the loop once more before peer_free. */
void peer_close(struct peer *peer);
void peer_free(struct peer *peer);

#endif

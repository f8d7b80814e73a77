/*
 * A stream of DNS messages (RFC 7766): queries are cut out of it as they come, in whatever pieces,
 * and answered in their order. Knows no socket and no clock: bytes come and go by struct stream_io.
 *
 * A stream is read only while nothing is left to be written to it. What arrives goes through
 * scratch buffers that all streams of a worker share: whole queries are answered at once,
 * many answers leave in one send. Only what does not come out even is kept in memory of the
 * stream's own: the head of a query whose rest has not come yet, or, where the peer does not read,
 * the rest of one send and the queries behind it, which wait. So a peer that sends and never reads
 * holds little and stops itself, and LIMIT_TCP_BUFFERS bounds the sum.
 *
 * A message that gets no answer ends the stream once the answers before it are sent: one too short
 * for a header (the next length is not to be trusted either), or a response. RFC 7766 does not say.
 * NSD 4.6, BIND 9.18 and gdnsd 3.8 close on both, Knot DNS 3.2 on the first.
 */
#ifndef CERTMILL_DNSD_STREAM_H
#define CERTMILL_DNSD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/limits.h"
#include "dnsd/frame.h"

/* A send is made when this many octets are there; one answer more always fits behind them. */
#define STREAM_SEND 16384

struct stream_bytes {
    uint8_t *data;
    size_t len, cap;
};

/* All zero: a new stream. */
struct stream {
    struct stream_bytes in;  /* received, not answered yet */
    struct stream_bytes out; /* not sent yet */
    size_t out_sent;
    bool over;   /* nothing more is read */
    bool active; /* set when a query was answered, or an answer taken at last; the caller clears */
};

/* What all streams of a worker share. */
struct stream_pool {
    size_t used; /* octets of room in all in and out */
    uint8_t in[LIMIT_TCP_READ];
    uint8_t out[STREAM_SEND + FRAME_MAX];
};

struct stream_io {
    /* As recv(2) and send(2), never waiting; -errno. */
    ssize_t (*recv)(void *arg, uint8_t *data, size_t room);
    ssize_t (*send)(void *arg, const uint8_t *data, size_t len);
    /* Octets of the answer in out, which has room for LIMIT_DNS_MESSAGE; 0: none. */
    size_t (*answer)(void *arg, const uint8_t *message, size_t len, uint8_t *out);
    /* The pool is full: clears another stream that holds some of it; false where there is none. */
    bool (*relieve)(void *arg);
};

enum stream_next {
    STREAM_END, /* all is sent, nothing more comes */
    STREAM_READ,
    STREAM_WRITE,
};

/* Sends what waits, or else receives once, and answers what is whole. Returns enum stream_next:
 * what to wait for before the next step. -ENOBUFS or -ENOMEM where there is no room, or the -errno
 * of recv or send. */
int stream_step(struct stream *stream, struct stream_pool *pool, const struct stream_io *io,
                void *arg);
/* Frees. */
void stream_clear(struct stream *stream, struct stream_pool *pool);

#endif

#include "dnsd/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_ROOM 512 /* octets, for a query whose head has come */

/* A step under way. */
struct step {
    struct stream *stream;
    struct stream_pool *pool;
    const struct stream_io *io;
    void *arg;
};

static void bytes_clear(struct stream_pool *pool, struct stream_bytes *bytes)
{
    pool->used -= bytes->cap;
    free(bytes->data);
    *bytes = (struct stream_bytes){0};
}

static int bytes_reserve(const struct step *s, struct stream_bytes *bytes, size_t cap)
{
    uint8_t *data;

    if (cap <= bytes->cap) {
        return 0;
    }
    while (cap - bytes->cap > LIMIT_TCP_BUFFERS - s->pool->used) {
        if (!s->io->relieve(s->arg)) {
            return -ENOBUFS;
        }
    }
    if ((data = realloc(bytes->data, cap)) == NULL) {
        return -ENOMEM;
    }
    s->pool->used += cap - bytes->cap;
    bytes->data = data;
    bytes->cap = cap;
    return 0;
}

/* Copies data into bytes, which is empty. */
static int bytes_keep(const struct step *s, struct stream_bytes *bytes, const uint8_t *data,
                      size_t len)
{
    int ret = bytes_reserve(s, bytes, len);

    if (ret == 0 && len > 0) {
        memcpy(bytes->data, data, len);
        bytes->len = len;
    }
    return ret;
}

/* Sends from data; octets that were taken, or -errno. */
static ssize_t send_some(const struct step *s, const uint8_t *data, size_t len)
{
    size_t sent = 0;

    while (sent < len) {
        ssize_t n = s->io->send(s->arg, data + sent, len - sent);

        if (n >= 0) {
            sent += (size_t)n;
        } else if (n == -EAGAIN) {
            break;
        } else if (n != -EINTR) {
            return n;
        }
    }
    return (ssize_t)sent;
}

/* What the peer does not take now is kept. */
static int send_or_keep(const struct step *s, const uint8_t *data, size_t len)
{
    ssize_t n = send_some(s, data, len);

    if (n < 0) {
        return (int)n;
    }
    s->stream->out_sent = 0;
    return bytes_keep(s, &s->stream->out, data + n, len - (size_t)n);
}

/* Sends on where a send had stopped. */
static int send_rest(const struct step *s)
{
    struct stream *stream = s->stream;
    ssize_t n =
        send_some(s, stream->out.data + stream->out_sent, stream->out.len - stream->out_sent);

    if (n < 0) {
        return (int)n;
    }
    stream->out_sent += (size_t)n;
    if (stream->out_sent == stream->out.len) {
        bytes_clear(s->pool, &stream->out);
        stream->active = true;
    }
    return 0;
}

/* Appends the answer to a whole message to the pool's buffer. */
static void answer_one(const struct step *s, const uint8_t *message, size_t len, size_t *pending)
{
    uint8_t *prefix = s->pool->out + *pending;
    size_t n = s->io->answer(s->arg, message, len, prefix + FRAME_PREFIX);

    if (n == 0) {
        s->stream->over = true;
        return;
    }
    wire_write_u16(prefix, (uint16_t)n);
    *pending += FRAME_PREFIX + n;
    s->stream->active = true;
}

/* Answers what is whole in data until the peer takes no more, and keeps the rest. */
static int answer_all(const struct step *s, const uint8_t *data, size_t len)
{
    struct stream *stream = s->stream;
    const uint8_t *message;
    size_t pending = 0, used;
    int ret = 0;

    while (stream->out.len == 0 && !stream->over && (used = frame_next(data, len, &message)) > 0) {
        answer_one(s, message, used - FRAME_PREFIX, &pending);
        data += used;
        len -= used;
        if (pending >= STREAM_SEND) {
            if ((ret = send_or_keep(s, s->pool->out, pending)) < 0) {
                return ret;
            }
            pending = 0;
        }
    }
    if (pending > 0 && (ret = send_or_keep(s, s->pool->out, pending)) < 0) {
        return ret;
    }
    return stream->over ? 0 : bytes_keep(s, &stream->in, data, len);
}

/* Answers what had to wait. */
static int answer_kept(const struct step *s)
{
    struct stream_bytes in = s->stream->in;
    int ret;

    s->stream->in = (struct stream_bytes){0}; /* answer_all keeps in it what is left */
    ret = answer_all(s, in.data, in.len);
    bytes_clear(s->pool, &in);
    return ret;
}

/* Octets received, 0 also where there are none now; or -errno. */
static ssize_t receive(const struct step *s, uint8_t *data, size_t room)
{
    ssize_t n = s->io->recv(s->arg, data, room);

    if (n == -EAGAIN || n == -EINTR) {
        return 0;
    }
    s->stream->over = n == 0;
    return n;
}

/* Reads on in a query whose head is there. Room doubles, so that a long one that dribbles in
 * is not copied over and over, and none is held that the peer has not filled half. */
static int read_rest(const struct step *s)
{
    struct stream_bytes *in = &s->stream->in;
    size_t need = frame_need(in->data, in->len);
    size_t cap = 2 * in->len < STREAM_ROOM ? STREAM_ROOM : 2 * in->len;
    ssize_t n;
    int ret;

    if (in->len == in->cap && (ret = bytes_reserve(s, in, cap < need ? cap : need)) < 0) {
        return ret;
    }
    size_t end = need < in->cap ? need : in->cap;
    if ((n = receive(s, in->data + in->len, end - in->len)) < 0) {
        return (int)n;
    }
    in->len += (size_t)n;
    return frame_need(in->data, in->len) <= in->len ? answer_kept(s) : 0;
}

static int read_once(const struct step *s)
{
    if (s->stream->in.len > 0) {
        return read_rest(s);
    }
    ssize_t n = receive(s, s->pool->in, sizeof(s->pool->in));
    return n <= 0 ? (int)n : answer_all(s, s->pool->in, (size_t)n);
}

int stream_step(struct stream *stream, struct stream_pool *pool, const struct stream_io *io,
                void *arg)
{
    const struct step s = {stream, pool, io, arg};
    int ret = 0;

    if (stream->out.len > 0) {
        ret = send_rest(&s);
        if (ret == 0 && stream->out.len == 0 && stream->in.len > 0) {
            ret = answer_kept(&s);
        }
    } else if (!stream->over) {
        ret = read_once(&s);
    }
    if (ret < 0) {
        return ret;
    }
    return stream->out.len > 0 ? STREAM_WRITE : stream->over ? STREAM_END : STREAM_READ;
}

void stream_clear(struct stream *stream, struct stream_pool *pool)
{
    bytes_clear(pool, &stream->in);
    bytes_clear(pool, &stream->out);
}

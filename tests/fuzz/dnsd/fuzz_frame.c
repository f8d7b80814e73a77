/*
 * A stream of octets cut into messages and answered, received and sent in pieces that the input
 * chooses: the same answers come out, in the same order, as when it is there whole; nothing is
 * received while something waits to be sent; what is held is bounded and given back.
 *
 * Input: a number, so many octets of piece sizes (used over and over), the stream.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dnsd/stream.h"

#define DNS_HEADER 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
    const uint8_t *in;
    size_t in_len, received; /* octets */
    uint8_t *out;
    size_t out_len, out_cap;
    const uint8_t *sizes;
    size_t size_count, turn;
    unsigned refusals; /* in a row */
    bool waits;        /* the stream has something to send */
};

/* Size of the next piece; -EAGAIN now and then, but not forever. */
static ssize_t piece(struct peer *p, size_t most)
{
    size_t n = p->size_count > 0 ? p->sizes[p->turn++ % p->size_count] : most;

    if (n == 0 && p->refusals++ < 3) {
        return -EAGAIN;
    }
    p->refusals = 0;
    n = n == 0 ? 1 : n > 128 ? (n - 128) * 64 : n;
    return (ssize_t)(n < most ? n : most);
}

static ssize_t peer_recv(void *arg, uint8_t *dst, size_t room)
{
    struct peer *p = arg;
    size_t left = p->in_len - p->received;

    if (p->waits || room == 0) {
        abort();
    }
    ssize_t n = left == 0 ? 0 : piece(p, left < room ? left : room);
    if (n > 0) {
        memcpy(dst, p->in + p->received, (size_t)n);
        p->received += (size_t)n;
    }
    return n;
}

static void append(struct peer *p, const uint8_t *src, size_t len)
{
    if (len > p->out_cap - p->out_len) {
        p->out_cap = 2 * (p->out_len + len);
        if ((p->out = realloc(p->out, p->out_cap)) == NULL) {
            abort();
        }
    }
    memcpy(p->out + p->out_len, src, len);
    p->out_len += len;
}

static ssize_t peer_send(void *arg, const uint8_t *src, size_t len)
{
    ssize_t n = piece(arg, len);

    if (n > 0) {
        append(arg, src, (size_t)n);
    }
    return n;
}

/* An answer of any length that can be told from every other. */
static size_t peer_answer(void *arg, const uint8_t *message, size_t len, uint8_t *out)
{
    (void)arg;
    if (len < DNS_HEADER || (message[2] & 0x80) != 0) {
        return 0;
    }
    size_t n = DNS_HEADER + (size_t)message[3] * (message[4] < 250 ? 4 : message[4]);
    memset(out, message[len - 1], n);
    memcpy(out, message, DNS_HEADER);
    return n;
}

static bool peer_relieve(void *arg)
{
    (void)arg;
    return false;
}

/* All that has to come out, by frame_next alone. */
static void expect(struct peer *p)
{
    static uint8_t answer[FRAME_MAX];
    const uint8_t *message;
    size_t pos = 0, used, n;

    while ((used = frame_next(p->in + pos, p->in_len - pos, &message)) > 0) {
        if (message != p->in + pos + FRAME_PREFIX || used > p->in_len - pos ||
            used != frame_need(p->in + pos, p->in_len - pos)) {
            abort();
        }
        if ((n = peer_answer(p, message, used - FRAME_PREFIX, answer + FRAME_PREFIX)) == 0) {
            return;
        }
        wire_write_u16(answer, (uint16_t)n);
        append(p, answer, FRAME_PREFIX + n);
        pos += used;
    }
    if (frame_need(p->in + pos, p->in_len - pos) <= p->in_len - pos) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stream_io io = {peer_recv, peer_send, peer_answer, peer_relieve};
    static struct stream_pool pool;
    struct stream stream = {0};
    struct peer peer = {0}, whole = {0};
    int next = STREAM_READ;

    if (size < 1 || data[0] > size - 1) {
        return 0;
    }
    peer.sizes = data + 1;
    peer.size_count = data[0];
    peer.in = whole.in = data + 1 + data[0];
    peer.in_len = whole.in_len = size - 1 - data[0];
    expect(&whole);
    while (next != STREAM_END) {
        next = stream_step(&stream, &pool, &io, &peer);
        peer.waits = next == STREAM_WRITE;
        if (next < 0 || pool.used != stream.in.cap + stream.out.cap ||
            stream.out.cap > STREAM_SEND + FRAME_MAX || stream.in.cap > FRAME_MAX) {
            abort();
        }
    }
    stream_clear(&stream, &pool);
    if (pool.used != 0 || peer.out_len != whole.out_len ||
        (peer.out_len > 0 && memcmp(peer.out, whole.out, peer.out_len) != 0)) {
        abort();
    }
    free(peer.out);
    free(whole.out);
    return 0;
}

/*
 * The issuer starts to poll the CA when it hears of askers, so these are told at once, and
 * within 1 ms while they come in bursts. What is told must not cost more than the answers, though,
 * when somebody asks for live names all day: each message costs credit, in milliseconds, by its
 * length, and credit comes back with time. A burst of some 30 messages is free; after that it is
 * 100 short messages or 3,000 entries a second, while the workers count repeats in their tables.
 *
 * A tag numbers the channels. An image that came over one is not acknowledged over another.
 */
#include "dnsd/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/limits.h"
#include "common/msg.h"
#include "dnsd/rate_watch.h"

#define PEER_CREDIT       320 /* ms, at most */
#define PEER_COST         10  /* ms a message, and for each PEER_COST_ENTRIES in it */
#define PEER_COST_ENTRIES 32
#define PEER_ENTRIES      ((LIMIT_MESSAGE - 64) / SEEN_ENTRY_WIRE)
#define PEER_READS        16 /* messages a wake-up */

_Static_assert(PEER_ENTRIES >= LIMIT_SEEN, "a table fits into a message");

enum due {
    DUE_ACK = 1,
    DUE_REFUSED = 2,
    DUE_STATS = 4,
    DUE_SEEN = 8, /* seen holds an encoded message */
};

struct peer {
    struct peer_options options;
    uv_poll_t *poll; /* NULL: no issuer */
    uv_timer_t timer;
    int fd;
    uint64_t tag;
    unsigned due;
    uint64_t ack;
    uint64_t refused;
    char reason[LIMIT_ERROR_TEXT];
    struct msg_writer seen;
    uint64_t reported; /* uv_now of the last message */
    int64_t credit;    /* ms, as it was then; below 0: pause */
    size_t turn;       /* worker whose table goes first */
    uint8_t seen_buf[LIMIT_MESSAGE];
    uint8_t buf[LIMIT_MESSAGE];
    const struct stats *stats[LIMIT_DNS_THREADS];
    struct rate *rates[LIMIT_DNS_THREADS];
    struct rate_watch *watch;
};

static void on_channel(uv_poll_t *poll, int status, int events);

static void poll_freed(uv_handle_t *handle)
{
    free(handle);
}

static void disconnect(struct peer *p)
{
    if (p->poll != NULL) {
        uv_close((uv_handle_t *)p->poll, poll_freed);
        p->poll = NULL;
        close(p->fd);
        p->fd = -1;
        p->due = 0;
    }
}

/* The channel is of no use any more; the supervisor sends another. */
static void lose(struct peer *p, int code)
{
    if (code == -EPIPE || code == -ECONNRESET) {
        log_info(p->options.log, NULL, "the issuer is gone; answering from what is there");
    } else {
        log_error(p->options.log, NULL, "the channel to the issuer is closed: %s",
                  err_string(code));
    }
    disconnect(p);
}

static int put_due(struct peer *p, enum due kind, struct msg_writer *w)
{
    switch (kind) {
    case DUE_ACK:
        msg_begin(w, p->buf, sizeof(p->buf), IPC_IMAGE_ACK);
        msg_put_u64(w, p->ack);
        break;
    case DUE_REFUSED:
        msg_begin(w, p->buf, sizeof(p->buf), IPC_IMAGE_REFUSED);
        msg_put_u64(w, p->refused);
        msg_put_str(w, p->reason);
        break;
    case DUE_STATS:
        msg_begin(w, p->buf, sizeof(p->buf), IPC_STATS);
        stats_put(w, p->stats, p->options.worker_count);
        break;
    case DUE_SEEN:
        *w = p->seen;
        break;
    }
    return msg_end(w);
}

/* Sends what is due; what the channel does not take waits for it to be writable. */
static void flush(struct peer *p)
{
    for (unsigned kind = DUE_ACK; p->poll != NULL && kind <= DUE_SEEN; kind <<= 1) {
        struct msg_writer w;
        int ret;

        if ((p->due & kind) == 0) {
            continue;
        }
        ret = put_due(p, (enum due)kind, &w);
        if (ret > 0) {
            ret = msg_send(p->fd, &w, NULL, 0);
        }
        if (ret == -EAGAIN) {
            uv_poll_start(p->poll, UV_READABLE | UV_WRITABLE, on_channel);
            return;
        }
        p->due &= ~kind;
        if (ret < 0) {
            lose(p, ret);
        }
    }
}

/* Tables that one message can hold are written into it and given back. Returns the entries;
 * *more is set where some did not fit. */
static size_t gather(struct peer *p, bool *more)
{
    const struct seen_table *tables[LIMIT_DNS_THREADS];
    size_t workers = p->options.worker_count, entries = 0;

    *more = false;
    for (size_t i = 0; i < workers; i++) {
        size_t n = (p->turn + i) % workers;

        tables[n] = seen_peek(worker_seen(p->options.workers[n]));
        if (tables[n] == NULL) {
            continue;
        }
        if (tables[n]->count > PEER_ENTRIES - entries) {
            tables[n] = NULL;
            *more = true;
            continue;
        }
        entries += tables[n]->count;
    }
    p->turn = p->turn + 1 < workers ? p->turn + 1 : 0;
    msg_begin(&p->seen, p->seen_buf, sizeof(p->seen_buf), IPC_SEEN);
    msg_put_u16(&p->seen, (uint16_t)entries);
    for (size_t n = 0; n < workers; n++) {
        if (tables[n] == NULL) {
            continue;
        }
        seen_put(&p->seen, tables[n]);
        if (seen_return(worker_seen(p->options.workers[n]))) {
            worker_wake(p->options.workers[n]);
        }
    }
    return entries;
}

static void on_timer(uv_timer_t *timer)
{
    peer_notify(timer->data);
}

/* Milliseconds until the next message may leave. */
static uint64_t pause_left(const struct peer *p, uint64_t now)
{
    uint64_t gone = now - p->reported;
    uint64_t pause = p->credit < 0 ? (uint64_t)-p->credit : 1;

    return gone < pause ? pause - gone : 0;
}

static void pay(struct peer *p, uint64_t now, size_t entries)
{
    p->credit += (int64_t)(now - p->reported);
    p->credit = p->credit < PEER_CREDIT ? p->credit : PEER_CREDIT;
    p->credit -= (int64_t)(PEER_COST * (1 + entries / PEER_COST_ENTRIES));
    p->reported = now;
}

static void report(struct peer *p)
{
    uint64_t now = uv_now(p->options.loop);
    uint64_t left = pause_left(p, now);
    bool more = false;

    if ((p->due & DUE_SEEN) != 0) {
        return; /* the channel is full; once it is not, peer_notify comes by again */
    }
    if (left == 0) {
        size_t entries = gather(p, &more);

        if (entries > 0) {
            pay(p, now, entries);
            left = pause_left(p, now);
            p->due |= p->poll != NULL ? DUE_SEEN : 0;
        }
    } else {
        more = true;
    }
    if (more && !uv_is_active((uv_handle_t *)&p->timer)) {
        uv_timer_start(&p->timer, on_timer, left, 0);
    }
}

void peer_notify(struct peer *peer)
{
    uint64_t generation, tag;

    if (swap_settle(peer->options.swap, &generation, &tag)) {
        log_debug(peer->options.log, NULL, "answering from generation %llu",
                  (unsigned long long)generation);
        if (peer->poll != NULL && tag == peer->tag) {
            peer->ack = generation;
            peer->due |= DUE_ACK;
        }
    }
    flush(peer); /* the acknowledgement first, and what the channel did not take before */
    swap_advance(peer->options.swap);
    rate_watch_notify(peer->watch);
    report(peer);
    flush(peer);
}

static int take_image(struct peer *p, struct msg_reader *r, const int *fds, size_t nfds)
{
    uint64_t generation = msg_get_u64(r);
    struct err err = {0};

    if (msg_done(r) < 0 || nfds != 1) {
        return ERR_PROTOCOL;
    }
    if (swap_offer(p->options.swap, fds[0], generation, p->tag, &err) < 0) {
        log_error(p->options.log, NULL, "image of generation %llu refused: %s",
                  (unsigned long long)generation, err.text);
        p->refused = generation;
        snprintf(p->reason, sizeof(p->reason), "%s", err.text);
        p->due |= DUE_REFUSED;
    }
    return 0;
}

static int take_message(struct peer *p, const uint8_t *buf, size_t len, const int *fds, size_t nfds)
{
    struct msg_reader r;
    int ret = msg_open(&r, buf, len);

    if (ret < 0) {
        return ret;
    }
    if (r.type == IPC_IMAGE) {
        return take_image(p, &r, fds, nfds);
    }
    if (r.type != IPC_STATS_REQUEST || nfds > 0 || msg_done(&r) < 0) {
        return ERR_PROTOCOL;
    }
    p->due |= DUE_STATS;
    return 0;
}

/* Reads one message. 1: read, 0: nothing there now, negative: the channel is of no use. */
static int receive(struct peer *p)
{
    int fds[LIMIT_MESSAGE_FDS];
    size_t nfds = LIMIT_MESSAGE_FDS;
    int len = msg_recv(p->fd, p->buf, sizeof(p->buf), fds, &nfds);
    int ret;

    if (len <= 0) {
        return len == -EAGAIN ? 0 : len == 0 ? -EPIPE : len;
    }
    ret = take_message(p, p->buf, (size_t)len, fds, nfds);
    for (size_t i = 0; i < nfds; i++) {
        close(fds[i]);
    }
    return ret < 0 ? ret : 1;
}

static void on_channel(uv_poll_t *poll, int status, int events)
{
    struct peer *p = poll->data;
    int ret = 1;

    if ((events & UV_WRITABLE) != 0) {
        uv_poll_start(poll, UV_READABLE, on_channel);
    }
    for (int i = 0; ret > 0 && i < PEER_READS; i++) {
        ret = receive(p);
    }
    if (ret >= 0 && status < 0) {
        ret = -EPIPE; /* libuv has stopped the handle: the other end is closed */
    }
    if (ret < 0) {
        lose(p, ret);
        return;
    }
    peer_notify(p);
}

int peer_new(struct peer **out, const struct peer_options *options)
{
    struct peer *p = calloc(1, sizeof(*p));
    int ret = -ENOMEM;

    if (p == NULL) {
        goto err0;
    }
    p->options = *options;
    p->fd = -1;
    for (size_t i = 0; i < options->worker_count; i++) {
        p->stats[i] = worker_stats(options->workers[i]);
        p->rates[i] = worker_rate(options->workers[i]);
    }
    const struct rate_watch_options watch = {.loop = options->loop,
                                             .log = options->log,
                                             .rates = p->rates,
                                             .count = options->worker_count,
                                             .pause_ms = LIMIT_RATE_LOG_MS};
    if ((ret = rate_watch_new(&p->watch, &watch)) < 0) {
        goto err1;
    }
    uv_timer_init(options->loop, &p->timer);
    p->timer.data = p;
    *out = p;
    return 0;
err1:
    free(p);
err0:
    return ret;
}

int peer_connect(struct peer *peer, int fd)
{
    int ret = -ENOMEM;
    uv_poll_t *poll;

    disconnect(peer);
    if ((poll = malloc(sizeof(*poll))) == NULL) {
        goto err0;
    }
    if ((ret = uv_poll_init(peer->options.loop, poll, fd)) < 0) {
        goto err1;
    }
    poll->data = peer;
    peer->poll = poll;
    peer->fd = fd;
    peer->tag++;
    return uv_poll_start(poll, UV_READABLE, on_channel);
err1:
    free(poll);
err0:
    close(fd);
    return ret;
}

void peer_close(struct peer *peer)
{
    if (peer != NULL) {
        disconnect(peer);
        rate_watch_close(peer->watch);
        uv_close((uv_handle_t *)&peer->timer, NULL);
    }
}

void peer_free(struct peer *peer)
{
    if (peer != NULL) {
        rate_watch_free(peer->watch);
        free(peer);
    }
}

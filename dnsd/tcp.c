/*
 * A connection is read only while nothing is left to be written to it. What arrives goes through
 * scratch buffers that all connections of a worker share: whole queries are answered at
 * once, many answers leave in one send. Only what does not come out even is kept in memory of
 * the connection's own: the head of a query whose rest has not come yet, or, where
 * the peer does not read, the rest of one send and the queries behind it, which wait. So a peer
 * that sends and never reads holds little and stops itself, and LIMIT_TCP_BUFFERS bounds the sum.
 *
 * Connections stand in a list, the longest idle first. Only a whole query that was answered, or an
 * answer that was taken at last, moves one to the end; single octets do not. So a half-sent query
 * cannot be kept alive, and the first in the list is always the one to go.
 */
#include "dnsd/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/limits.h"
#include "dnsd/frame.h"

#define TCP_TICK_MS 500
/* A send is made when this much is there; one answer more always fits behind it. */
#define TCP_SEND 16384
#define TCP_ROOM 512 /* octets, for a query whose head has come */

struct tcp_bytes {
    uint8_t *data;
    size_t len, cap;
};

struct tcp_client {
    uv_poll_t poll;
    struct tcp *tcp;
    struct tcp_client *prev, *next;
    struct sockaddr_in6 from;
    uint64_t active;      /* uv_now of the last whole query or answer */
    struct tcp_bytes in;  /* received, not answered yet */
    struct tcp_bytes out; /* not sent yet; reading stops while there is any */
    size_t out_sent;
    int fd;
    int events; /* what poll waits for now */
    bool eof;   /* the peer sends nothing more */
};

struct tcp_listener {
    uv_poll_t poll;
    struct tcp *tcp;
    int fd;
};

struct tcp {
    struct tcp_options options;
    struct tcp_client *first, *last;
    size_t clients;
    size_t buffered; /* octets of room in all clients' in and out */
    uv_timer_t tick;
    bool paused; /* out of descriptors: no accepting until the next tick */
    uint8_t in[LIMIT_TCP_READ];
    uint8_t out[TCP_SEND + FRAME_MAX];
    size_t count;
    struct tcp_listener listeners[];
};

static void on_listener(uv_poll_t *poll, int status, int events);
static void on_client(uv_poll_t *poll, int status, int events);

static void list_remove(struct tcp *tcp, struct tcp_client *c)
{
    *(c->prev != NULL ? &c->prev->next : &tcp->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &tcp->last) = c->prev;
}

static void list_append(struct tcp *tcp, struct tcp_client *c)
{
    c->prev = tcp->last;
    c->next = NULL;
    *(tcp->last != NULL ? &tcp->last->next : &tcp->first) = c;
    tcp->last = c;
}

static void bytes_clear(struct tcp *tcp, struct tcp_bytes *bytes)
{
    tcp->buffered -= bytes->cap;
    free(bytes->data);
    *bytes = (struct tcp_bytes){0};
}

static int bytes_reserve(struct tcp *tcp, struct tcp_bytes *bytes, size_t cap)
{
    uint8_t *data;

    if (cap <= bytes->cap) {
        return 0;
    }
    if (cap - bytes->cap > LIMIT_TCP_BUFFERS - tcp->buffered) {
        return -ENOBUFS;
    }
    if ((data = realloc(bytes->data, cap)) == NULL) {
        return -ENOMEM;
    }
    tcp->buffered += cap - bytes->cap;
    bytes->data = data;
    bytes->cap = cap;
    return 0;
}

/* Copies data into bytes, which is empty. */
static int bytes_keep(struct tcp *tcp, struct tcp_bytes *bytes, const uint8_t *data, size_t len)
{
    int ret = bytes_reserve(tcp, bytes, len);

    if (ret == 0 && len > 0) {
        memcpy(bytes->data, data, len);
        bytes->len = len;
    }
    return ret;
}

static void client_freed(uv_handle_t *handle)
{
    free(handle->data);
}

static void client_close(struct tcp_client *c)
{
    struct tcp *tcp = c->tcp;

    list_remove(tcp, c);
    tcp->clients--;
    bytes_clear(tcp, &c->in);
    bytes_clear(tcp, &c->out);
    uv_close((uv_handle_t *)&c->poll, client_freed);
    close(c->fd);
    c->fd = -1;
}

static void client_drop(struct tcp_client *c)
{
    stats_add(c->tcp->options.responder->stats, STATS_TCP_CLOSED, 1);
    client_close(c);
}

static void client_active(struct tcp_client *c)
{
    c->active = uv_now(c->tcp->options.loop);
    list_remove(c->tcp, c);
    list_append(c->tcp, c);
}

/* Sends from data. What the peer does not take now is kept and reading stops: 1. 0: all
 * is sent. Negative: the connection is of no use any more. */
static int client_send(struct tcp_client *c, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            int ret = bytes_keep(c->tcp, &c->out, data, len);

            c->out_sent = 0;
            return ret < 0 ? ret : 1;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Sends on where a send had stopped. As client_send. */
static int client_send_rest(struct tcp_client *c)
{
    while (c->out_sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n >= 0) {
            c->out_sent += (size_t)n;
        } else if (errno == EAGAIN) {
            return 1;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    bytes_clear(c->tcp, &c->out);
    client_active(c);
    return 0;
}

/* Answers what is whole in data and keeps the rest. As client_send. */
static int client_answer(struct tcp_client *c, const uint8_t *data, size_t len)
{
    struct tcp *tcp = c->tcp;
    const uint8_t *message;
    size_t pending = 0, used;
    int ret = 0;

    while (ret == 0 && (used = frame_next(data, len, &message)) > 0) {
        uint8_t *prefix = tcp->out + pending;
        size_t n = respond(tcp->options.responder, true, (const struct sockaddr *)&c->from, message,
                           used - FRAME_PREFIX, prefix + FRAME_PREFIX, LIMIT_DNS_MESSAGE);

        data += used;
        len -= used;
        if (n > 0) {
            wire_write_u16(prefix, (uint16_t)n);
            pending += FRAME_PREFIX + n;
            client_active(c);
        }
        if (pending >= TCP_SEND) {
            ret = client_send(c, tcp->out, pending);
            pending = 0;
        }
    }
    if (ret == 0 && pending > 0) {
        ret = client_send(c, tcp->out, pending);
    }
    if (ret < 0) {
        return ret;
    }
    int kept = bytes_keep(tcp, &c->in, data, len);
    return kept < 0 ? kept : ret;
}

/* Answers what had to wait. */
static int client_answer_kept(struct tcp_client *c)
{
    struct tcp_bytes in = c->in;
    int ret;

    c->in = (struct tcp_bytes){0}; /* client_answer keeps in it what is left */
    ret = client_answer(c, in.data, in.len);
    bytes_clear(c->tcp, &in);
    return ret;
}

/* recv; 0 also where there is nothing to read now, with eof set at the end. */
static ssize_t client_recv(struct tcp_client *c, uint8_t *data, size_t room)
{
    ssize_t n = recv(c->fd, data, room, MSG_DONTWAIT);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    c->eof = n == 0;
    return n;
}

/* Reads on in a query whose head is there. Room doubles, so that a long one that dribbles in
 * is not copied over and over, and none is held that the peer has not filled half. */
static int client_read_rest(struct tcp_client *c)
{
    size_t need = frame_need(c->in.data, c->in.len);
    size_t cap = 2 * c->in.len < TCP_ROOM ? TCP_ROOM : 2 * c->in.len;
    ssize_t n;
    int ret;

    if (c->in.len == c->in.cap) {
        if ((ret = bytes_reserve(c->tcp, &c->in, cap < need ? cap : need)) < 0) {
            return ret;
        }
    }
    size_t end = need < c->in.cap ? need : c->in.cap;
    if ((n = client_recv(c, c->in.data + c->in.len, end - c->in.len)) < 0) {
        return (int)n;
    }
    c->in.len += (size_t)n;
    return frame_need(c->in.data, c->in.len) <= c->in.len ? client_answer_kept(c) : 0;
}

/* Reads once. As client_send. */
static int client_read(struct tcp_client *c)
{
    ssize_t n;

    if (c->in.len > 0) {
        return client_read_rest(c);
    }
    n = client_recv(c, c->tcp->in, sizeof(c->tcp->in));
    return n <= 0 ? (int)n : client_answer(c, c->tcp->in, (size_t)n);
}

/* What to wait for next; a connection with nothing more to come or go is closed. */
static void client_wait(struct tcp_client *c, int ret)
{
    int events = c->out.len > 0 ? UV_WRITABLE : UV_READABLE;

    if (ret < 0) {
        client_drop(c);
    } else if (c->eof && events == UV_READABLE) {
        client_close(c);
    } else if (events != c->events) {
        c->events = events;
        uv_poll_start(&c->poll, events, on_client);
    }
}

static void on_client(uv_poll_t *poll, int status, int events)
{
    struct tcp_client *c = poll->data;
    struct tcp *tcp = c->tcp;
    int ret = 0;

    (void)events;
    if (status < 0) {
        c->events = 0; /* libuv has stopped the handle; send or recv will say what is wrong */
    }
    tcp->options.before(tcp->options.arg);
    if (c->out.len > 0) {
        ret = client_send_rest(c);
        if (ret == 0 && c->in.len > 0) {
            ret = client_answer_kept(c);
        }
    } else {
        ret = client_read(c);
    }
    client_wait(c, ret);
    tcp->options.after(tcp->options.arg);
}

static void on_tick(uv_timer_t *timer)
{
    struct tcp *tcp = timer->data;
    uint64_t now = uv_now(tcp->options.loop);

    while (tcp->first != NULL && now - tcp->first->active >= tcp->options.service->tcp_idle_ms) {
        client_drop(tcp->first);
    }
    if (tcp->paused) {
        tcp->paused = false;
        tcp_start(tcp);
    }
    if (tcp->first == NULL) {
        uv_timer_stop(timer);
    }
}

static int client_new(struct tcp *tcp, int fd, const struct sockaddr_in6 *from)
{
    struct tcp_client *c = calloc(1, sizeof(*c));
    int ret;

    if (c == NULL) {
        return -ENOMEM;
    }
    if ((ret = uv_poll_init(tcp->options.loop, &c->poll, fd)) < 0) {
        free(c);
        return ret;
    }
    c->poll.data = c;
    c->tcp = tcp;
    c->fd = fd;
    c->from = *from;
    c->active = uv_now(tcp->options.loop);
    list_append(tcp, c);
    tcp->clients++;
    stats_add(tcp->options.responder->stats, STATS_TCP_OPENED, 1);
    client_wait(c, 0);
    return 0;
}

/* Out of descriptors: the longest idle one goes, and the queue waits for the next tick. */
static void pause_accepting(struct tcp *tcp)
{
    if (tcp->first != NULL) {
        client_drop(tcp->first);
    }
    tcp->paused = true;
    for (size_t i = 0; i < tcp->count; i++) {
        uv_poll_stop(&tcp->listeners[i].poll);
    }
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct tcp_listener *l = poll->data;
    struct tcp *tcp = l->tcp;

    (void)events;
    if (status < 0) {
        uv_poll_start(poll, UV_READABLE, on_listener); /* libuv has stopped it */
    }
    for (int i = 0; i < LIMIT_TCP_ACCEPTS && !tcp->paused; i++) {
        struct sockaddr_in6 from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                pause_accepting(tcp);
            }
            break;
        }
        if (tcp->clients >= tcp->options.service->tcp_clients) {
            client_drop(tcp->first);
        }
        if (client_new(tcp, fd, &from) < 0) {
            close(fd);
        }
    }
    if ((tcp->first != NULL || tcp->paused) && !uv_is_active((uv_handle_t *)&tcp->tick)) {
        uv_timer_start(&tcp->tick, on_tick, TCP_TICK_MS, TCP_TICK_MS);
    }
}

static int listener_open(struct tcp *tcp, struct tcp_listener *l, int fd)
{
    const int on = 1;
    int ret;

    /* connections inherit it; an answer must not wait for the acknowledgement of another */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
        return -errno;
    }
    if ((ret = uv_poll_init(tcp->options.loop, &l->poll, fd)) < 0) {
        return ret;
    }
    l->poll.data = l;
    l->tcp = tcp;
    l->fd = fd;
    tcp->count++;
    return 0;
}

int tcp_new(struct tcp **out, const struct tcp_options *options, const int *fds, size_t count)
{
    struct tcp *tcp = calloc(1, sizeof(*tcp) + count * sizeof(tcp->listeners[0]));
    int ret;

    *out = tcp;
    if (tcp == NULL) {
        return -ENOMEM;
    }
    tcp->options = *options;
    tcp->tick.data = tcp;
    uv_timer_init(options->loop, &tcp->tick);
    for (size_t i = 0; i < count; i++) {
        if ((ret = listener_open(tcp, &tcp->listeners[i], fds[i])) < 0) {
            return ret;
        }
    }
    return 0;
}

void tcp_start(struct tcp *tcp)
{
    for (size_t i = 0; i < tcp->count; i++) {
        uv_poll_start(&tcp->listeners[i].poll, UV_READABLE, on_listener);
    }
}

void tcp_close(struct tcp *tcp)
{
    if (tcp == NULL) {
        return;
    }
    while (tcp->first != NULL) {
        client_close(tcp->first);
    }
    for (size_t i = 0; i < tcp->count; i++) {
        uv_close((uv_handle_t *)&tcp->listeners[i].poll, NULL);
    }
    uv_close((uv_handle_t *)&tcp->tick, NULL);
}

void tcp_free(struct tcp *tcp)
{
    free(tcp);
}

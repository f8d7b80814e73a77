/*
 * Connections stand in two lists. In one the longest idle comes first: only a whole query that was
 * answered, or an answer that was taken at last, moves a connection to its end; single octets do
 * not. So a half-sent query cannot be kept alive, and the first is always the one to go, be it for
 * silence or because room is needed. In the other the oldest comes first, for the lifetime.
 *
 * Before a connection is closed for its age or for room, it is looked at once more: what has come
 * already is answered, as far as the peer takes it. After a moment in which the process did not
 * run, that also tells those who were silent from those who were not heard.
 *
 * Limits are read where they are used, since a reload may change them between two wake-ups. What is
 * over a limit that was lowered goes at the next tick.
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
#include "dnsd/address.h"
#include "dnsd/stream.h"

#define TCP_TICK_MS 250

struct tcp_client {
    uv_poll_t poll;
    struct tcp *tcp;
    struct tcp_client *prev, *next;   /* by silence */
    struct tcp_client *older, *newer; /* by age */
    struct sockaddr_in6 from;
    uint64_t born, active; /* uv_now: of the accept, of the last whole query or answer */
    struct stream stream;
    int fd;
    int events;   /* what poll waits for now */
    bool counted; /* in the quota */
};

struct tcp_listener {
    uv_poll_t poll;
    struct tcp *tcp;
    int fd;
};

struct tcp {
    struct tcp_options options;
    struct tcp_client *first, *last;
    struct tcp_client *oldest, *newest;
    size_t clients;
    size_t per_address; /* the limit that all of them are known to keep */
    uv_timer_t tick;
    bool paused; /* out of descriptors: no accepting until the next tick */
    struct stream_pool pool;
    size_t count;
    struct tcp_listener listeners[];
};

static void on_listener(uv_poll_t *poll, int status, int events);
static void on_client(uv_poll_t *poll, int status, int events);

static void idle_remove(struct tcp *tcp, struct tcp_client *c)
{
    *(c->prev != NULL ? &c->prev->next : &tcp->first) = c->next;
    *(c->next != NULL ? &c->next->prev : &tcp->last) = c->prev;
}

static void idle_append(struct tcp *tcp, struct tcp_client *c)
{
    c->prev = tcp->last;
    c->next = NULL;
    *(tcp->last != NULL ? &tcp->last->next : &tcp->first) = c;
    tcp->last = c;
}

static void age_remove(struct tcp *tcp, struct tcp_client *c)
{
    *(c->older != NULL ? &c->older->newer : &tcp->oldest) = c->newer;
    *(c->newer != NULL ? &c->newer->older : &tcp->newest) = c->older;
}

static void age_append(struct tcp *tcp, struct tcp_client *c)
{
    c->older = tcp->newest;
    c->newer = NULL;
    *(tcp->newest != NULL ? &tcp->newest->newer : &tcp->oldest) = c;
    tcp->newest = c;
}

static const uint8_t *client_address(const struct tcp_client *c, size_t *len)
{
    return address_octets((const struct sockaddr *)&c->from, len);
}

static void client_freed(uv_handle_t *handle)
{
    free(handle->data);
}

static void client_close(struct tcp_client *c)
{
    struct tcp *tcp = c->tcp;
    size_t len;
    const uint8_t *address = client_address(c, &len);

    if (c->counted) {
        quota_return(tcp->options.quota, address, len);
    }
    idle_remove(tcp, c);
    age_remove(tcp, c);
    tcp->clients--;
    stream_clear(&c->stream, &tcp->pool);
    uv_close((uv_handle_t *)&c->poll, client_freed);
    close(c->fd);
    c->fd = -1;
}

/* Closes by our own choice. */
static void client_drop(struct tcp_client *c)
{
    stats_add(c->tcp->options.responder->stats, STATS_TCP_CLOSED, 1);
    client_close(c);
}

static ssize_t client_recv(void *arg, uint8_t *data, size_t room)
{
    const struct tcp_client *c = arg;
    ssize_t n = recv(c->fd, data, room, MSG_DONTWAIT);

    return n < 0 ? -errno : n;
}

static ssize_t client_send(void *arg, const uint8_t *data, size_t len)
{
    const struct tcp_client *c = arg;
    ssize_t n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 ? -errno : n;
}

static size_t client_answer(void *arg, const uint8_t *message, size_t len, uint8_t *out)
{
    const struct tcp_client *c = arg;

    return respond(c->tcp->options.responder, true, (const struct sockaddr *)&c->from, message, len,
                   out, LIMIT_DNS_MESSAGE);
}

/* The longest idle one that holds buffers, of those first in the list, goes. */
static bool client_relieve(void *arg)
{
    struct tcp_client *self = arg, *c = self->tcp->first;

    for (int i = 0; i < LIMIT_TCP_LOOK && c != NULL; i++, c = c->next) {
        if (c != self && c->stream.in.cap + c->stream.out.cap > 0) {
            client_drop(c);
            return true;
        }
    }
    return false;
}

/* Reads or writes what there is now. False where the connection has been closed after that. */
static bool client_step(struct tcp_client *c)
{
    static const struct stream_io io = {client_recv, client_send, client_answer, client_relieve};
    struct tcp *tcp = c->tcp;
    int next = stream_step(&c->stream, &tcp->pool, &io, c);

    if (c->stream.active) {
        c->stream.active = false;
        c->active = uv_now(tcp->options.loop);
        idle_remove(tcp, c);
        idle_append(tcp, c);
    }
    if (next == -ENOBUFS || next == -ENOMEM) {
        client_drop(c);
        return false;
    }
    if (next < 0 || next == STREAM_END) {
        client_close(c);
        return false;
    }
    int events = next == STREAM_WRITE ? UV_WRITABLE : UV_READABLE;
    if (events != c->events) {
        c->events = events;
        uv_poll_start(&c->poll, events, on_client);
    }
    return true;
}

/* Closes, but for what has come or can be sent already. */
static void client_finish(struct tcp_client *c)
{
    if (client_step(c)) {
        client_drop(c);
    }
}

static void on_client(uv_poll_t *poll, int status, int events)
{
    struct tcp_client *c = poll->data;
    struct tcp *tcp = c->tcp;

    (void)events;
    if (status < 0) {
        c->events = 0; /* libuv has stopped the handle; send or recv will say what is wrong */
    }
    tcp->options.before(tcp->options.arg);
    client_step(c);
    tcp->options.after(tcp->options.arg);
}

/* Each round closes the first or moves it to the end, active now. */
static void close_idle(struct tcp *tcp, uint64_t now)
{
    uint32_t limit = tcp->options.service->tcp_idle_ms;
    struct tcp_client *c;

    while ((c = tcp->first) != NULL && now - c->active >= limit) {
        if (client_step(c) && now - c->active >= limit) {
            client_drop(c);
        }
    }
}

/* At the latest then: so before the tick that would be too late. */
static void close_old(struct tcp *tcp, uint64_t now)
{
    uint32_t limit = tcp->options.service->tcp_lifetime_ms;

    while (tcp->oldest != NULL && now - tcp->oldest->born + TCP_TICK_MS > limit) {
        client_finish(tcp->oldest);
    }
}

/* Limits may have been lowered. */
static void close_excess(struct tcp *tcp)
{
    const struct service *service = tcp->options.service;
    struct tcp_client *c, *next;

    while (tcp->clients > service->tcp_clients) {
        client_finish(tcp->first);
    }
    if (service->tcp_clients_per_address < tcp->per_address) {
        for (c = tcp->first; c != NULL; c = next) {
            size_t len;
            const uint8_t *address = client_address(c, &len);

            next = c->next;
            if (quota_shrink(tcp->options.quota, address, len, service->tcp_clients_per_address)) {
                c->counted = false;
                client_drop(c);
            }
        }
    }
    tcp->per_address = service->tcp_clients_per_address;
}

static void on_tick(uv_timer_t *timer)
{
    struct tcp *tcp = timer->data;
    uint64_t now = uv_now(tcp->options.loop);

    tcp->options.before(tcp->options.arg);
    close_excess(tcp);
    close_old(tcp, now);
    close_idle(tcp, now);
    tcp->options.after(tcp->options.arg);
    if (tcp->paused) {
        tcp->paused = false;
        tcp_start(tcp);
    }
    if (tcp->first == NULL) {
        uv_timer_stop(timer);
    }
}

/* Takes over fd, and what was counted for it, where it succeeds. */
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
    c->counted = true;
    c->born = c->active = uv_now(tcp->options.loop);
    idle_append(tcp, c);
    age_append(tcp, c);
    tcp->clients++;
    stats_add(tcp->options.responder->stats, STATS_TCP_OPENED, 1);
    c->events = UV_READABLE;
    uv_poll_start(&c->poll, c->events, on_client);
    return 0;
}

/* The longest idle one of an address, of those first in the list. */
static struct tcp_client *find_same(struct tcp *tcp, const uint8_t *address, size_t len)
{
    struct tcp_client *c = tcp->first;

    for (int i = 0; i < LIMIT_TCP_LOOK && c != NULL; i++, c = c->next) {
        size_t other_len;
        const uint8_t *other = client_address(c, &other_len);

        if (quota_same(address, len, other, other_len)) {
            return c;
        }
    }
    return NULL;
}

/* Counts a connection of this address, at the cost of its longest idle one where need be. */
static bool admit(struct tcp *tcp, const uint8_t *address, size_t len)
{
    size_t limit = tcp->options.service->tcp_clients_per_address;
    struct tcp_client *same;

    if (quota_take(tcp->options.quota, address, len, limit)) {
        return true;
    }
    if ((same = find_same(tcp, address, len)) != NULL) {
        client_finish(same);
        return quota_take(tcp->options.quota, address, len, limit);
    }
    return false;
}

static void take(struct tcp *tcp, int fd, const struct sockaddr_in6 *from)
{
    size_t len;
    const uint8_t *address = address_octets((const struct sockaddr *)from, &len);

    if (!admit(tcp, address, len)) {
        stats_add(tcp->options.responder->stats, STATS_TCP_REFUSED, 1);
        close(fd);
        return;
    }
    while (tcp->clients >= tcp->options.service->tcp_clients) {
        client_finish(tcp->first);
    }
    if (client_new(tcp, fd, from) < 0) {
        quota_return(tcp->options.quota, address, len);
        close(fd);
    }
}

/* Out of descriptors or memory: the longest idle one goes; with none, the queue waits. */
static void make_room(struct tcp *tcp)
{
    if (tcp->first != NULL) {
        client_drop(tcp->first);
        return;
    }
    tcp->paused = true;
    for (size_t i = 0; i < tcp->count; i++) {
        uv_poll_stop(&tcp->listeners[i].poll);
    }
}

static void accept_some(struct tcp *tcp, struct tcp_listener *l)
{
    for (int i = 0; i < LIMIT_TCP_ACCEPTS && !tcp->paused; i++) {
        struct sockaddr_in6 from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            take(tcp, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            make_room(tcp);
        } else {
            break;
        }
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
    tcp->options.before(tcp->options.arg);
    accept_some(tcp, l);
    tcp->options.after(tcp->options.arg);
    if ((tcp->first != NULL || tcp->paused) && !uv_is_active((uv_handle_t *)&tcp->tick)) {
        uv_timer_start(&tcp->tick, on_tick, TCP_TICK_MS, TCP_TICK_MS);
    }
}

static int listener_open(struct tcp *tcp, struct tcp_listener *l, int fd)
{
    const int on = 1, fast = LIMIT_TCP_FASTOPEN;
    int ret;

    /* connections inherit it; an answer must not wait for the acknowledgement of another */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0) {
        return -errno;
    }
    /* RFC 7413: does something only where the host's net.ipv4.tcp_fastopen allows it */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &fast, sizeof(fast));
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
    tcp->per_address = options->service->tcp_clients_per_address;
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

bool tcp_stop(struct tcp *tcp)
{
    tcp->paused = false;
    for (size_t i = 0; i < tcp->count; i++) {
        uv_poll_stop(&tcp->listeners[i].poll);
    }
    return tcp->first != NULL;
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

#include "issuer/resolve_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire.h"

#define DATAGRAM  4096 /* more than LIMIT_RESOLVE_PAYLOAD, which not all obey */
#define DATAGRAMS 16   /* a wake-up: forged ones must not hold the loop */

static struct dnsmsg_question message_of(const struct resolve_query *query)
{
    return (struct dnsmsg_question){
        .name = query->question.name,
        .type = query->question.type,
        .recursion_desired = query->question.server == NULL,
        .checking_disabled = query->question.checking_disabled,
    };
}

static void on_closed(uv_handle_t *handle)
{
    struct resolve_try *try = handle->data;

    (void)close(try->fd);
    free(try->out);
    free(try->in);
    free(try);
}

void resolve_try_stop(struct resolve_query *query)
{
    struct resolve_try *try = query->try;

    if (try != NULL) {
        query->try = NULL;
        try->query = NULL;
        uv_close((uv_handle_t *)&try->poll, on_closed);
    }
}

static void fail(struct resolve_try *try, int error)
{
    struct resolve_query *query = try->query;

    resolve_try_stop(query);
    resolve_query_failed(query, error);
}

/* Whether the message was the answer; the try is over then. */
static bool take(struct resolve_try *try, const uint8_t *message, size_t len)
{
    struct resolve_query *query = try->query;
    const struct dnsmsg_question question = message_of(query);
    ldns_pkt *pkt = NULL;
    int ret = dnsmsg_read(&pkt, message, len, &question, query->id);

    if (ret == ERR_NOT_FOUND) {
        return false;
    }
    resolve_try_stop(query);
    if (ret < 0) {
        resolve_query_failed(query, ret);
    } else {
        resolve_query_answered(query, pkt);
    }
    return true;
}

static void on_datagram(uv_poll_t *poll, int status, int events)
{
    struct resolve_try *try = poll->data;
    uint8_t buf[DATAGRAM];

    (void)events;
    (void)status; /* recv says why */
    for (int i = 0; i < DATAGRAMS; i++) {
        ssize_t len = recv(try->fd, buf, sizeof buf, 0);

        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (len < 0) { /* an ICMP error: nobody listens there */
            fail(try, -errno);
            return;
        }
        if (take(try, buf, (size_t)len)) {
            return;
        }
    }
}

/* -- TCP: a message behind its length (RFC 1035 4.2.2) -- */

static int send_rest(struct resolve_try *try)
{
    while (try->out_pos < try->out_len) {
        ssize_t len =
            send(try->fd, try->out + try->out_pos, try->out_len - try->out_pos, MSG_NOSIGNAL);

        if (len < 0) {
            return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -errno;
        }
        try->out_pos += (size_t)len;
    }
    return 1;
}

/* 1: the whole message is there. */
static int receive(struct resolve_try *try)
{
    for (;;) {
        size_t want = try->in_len < 2 ? 2 : 2 + (size_t)wire_read_u16(try->in);
        ssize_t len;

        if (try->in_len == want) {
            return 1;
        }
        len = recv(try->fd, try->in + try->in_len, want - try->in_len, 0);
        if (len < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        }
        if (len == 0) {
            return -ECONNRESET;
        }
        try->in_len += (size_t)len;
    }
}

static void on_stream(uv_poll_t *poll, int status, int events)
{
    struct resolve_try *try = poll->data;
    int ret = send_rest(try);

    (void)status;
    if (ret > 0) {
        if ((events & UV_WRITABLE) != 0) {
            (void)uv_poll_start(poll, UV_READABLE, on_stream);
        }
        ret = receive(try);
    }
    if (ret < 0) {
        fail(try, ret);
    } else if (ret > 0 && !take(try, try->in + 2, try->in_len - 2)) {
        fail(try, ERR_PROTOCOL);
    }
}

/* -- start -- */

static int prepare_stream(struct resolve_try *try, const uint8_t *message, size_t len)
{
    if ((try->out = malloc(2 + len)) == NULL || (try->in = malloc(2 + LIMIT_DNS_MESSAGE)) == NULL) {
        return -ENOMEM;
    }
    wire_write_u16(try->out, (uint16_t)len);
    memcpy(try->out + 2, message, len);
    try->out_len = 2 + len;
    return 0;
}

/* Connects, and over UDP sends. */
static int go(struct resolve_try *try, const uint8_t *message, size_t len)
{
    const union dnsaddr *to = &try->query->server;
    socklen_t size = to->any.sa_family == AF_INET6 ? sizeof to->in6 : sizeof to->in;
    int type = (try->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int ret = try->tcp ? prepare_stream(try, message, len) : 0;

    if (ret < 0) {
        return ret;
    }
    if ((try->fd = socket(to->any.sa_family, type, 0)) < 0) {
        return -errno;
    }
    if (connect(try->fd, &to->any, size) < 0 && !(try->tcp && errno == EINPROGRESS)) {
        return -errno;
    }
    if (!try->tcp && send(try->fd, message, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return -errno;
    }
    return 0;
}

/* As long as nothing of the loop knows it. */
static void discard(struct resolve_query *query)
{
    struct resolve_try *try = query->try;

    query->try = NULL;
    if (try->fd >= 0) {
        (void)close(try->fd);
    }
    free(try->out);
    free(try->in);
    free(try);
}

static int begin(struct resolve_try *try, uv_loop_t *loop)
{
    const struct resolve_query *query = try->query;
    const struct dnsmsg_question question = message_of(query);
    uint8_t *message = NULL;
    size_t len = 0;
    int ret = dnsmsg_make(&message, &len, &question, query->id);

    if (ret == 0 && (ret = go(try, message, len)) == 0) {
        ret = uv_poll_init(loop, &try->poll, try->fd);
    }
    free(message);
    return ret;
}

int resolve_try_start(struct resolve_query *query, uv_loop_t *loop)
{
    struct resolve_try *try = calloc(1, sizeof *try);
    int ret;

    if (try == NULL) {
        return -ENOMEM;
    }
    try->query = query;
    try->fd = -1;
    try->tcp = query->tcp;
    query->try = try;
    if ((ret = begin(try, loop)) < 0) {
        discard(query);
        return ret;
    }
    try->poll.data = try;
    ret = try->tcp ? uv_poll_start(&try->poll, UV_READABLE | UV_WRITABLE, on_stream)
                   : uv_poll_start(&try->poll, UV_READABLE, on_datagram);
    if (ret < 0) {
        resolve_try_stop(query);
    }
    return ret;
}

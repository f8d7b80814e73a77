/*
 * A connection is READING until its request line is there, then ANSWERING until
 * line_finish, then ENDING until that is written, and GONE.
 *
 * While ANSWERING the read side stays open only to notice a peer that breaks off. An end of file
 * there says nothing (the peer may have shut down its sending half), and bytes after the request
 * are left where they are: reading stops.
 *
 * Closing a Unix socket with unread bytes resets it, and the peer might lose the answer. So a
 * connection with such bytes lingers: it shuts its sending half down and throws away what comes,
 * for a moment and a bounded number of bytes.
 */
#include "issuer/line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/sock.h"
#include "issuer/line_json.h"

#define ACCEPTS    32   /* connections a wake-up */
#define PAUSE_MS   100  /* when descriptors or memory ran out */
#define FIRST_READ 4096 /* a CSR for a few names */
#define FLUSH_MS   5000 /* for a peer to read its answer */
#define LINGER_MS  1000
#define WARN_MS    10000
#define TOO_MANY   "too many clients at once; try again"

enum state { READING, ANSWERING, ENDING, LINGERING, GONE };

struct line_server {
    struct line_options opt;
    uv_poll_t poll;
    uv_timer_t pause;
    int fd, open_handles;
    unsigned count;
    uint64_t warned; /* when last of too many clients */
    bool freed;
    struct line_conn *conns;
    char discard[8192];
};

struct line_conn {
    struct line_server *server;
    struct line_conn *next, **at;
    uv_pipe_t pipe;
    uv_timer_t timer;
    int open_handles;
    enum state state;
    bool delivered; /* on_line had it */
    bool unread;    /* bytes may be waiting that nobody will read */
    int64_t uid;
    char *buf;
    size_t len, cap;
    size_t discarded;
    void *data;
};

struct write {
    uv_write_t req;
    struct line_conn *conn;
    char bytes[];
};

/* -- the end of a connection -- */

static void release_server(struct line_server *server)
{
    if (server->freed && server->open_handles == 0 && server->count == 0) {
        free(server);
    }
}

static void on_conn_closed(uv_handle_t *handle)
{
    struct line_conn *conn = handle->data;
    struct line_server *server = conn->server;

    if (--conn->open_handles > 0) {
        return;
    }
    if (conn->delivered) {
        server->opt.on_gone(server->opt.arg, conn);
    }
    if ((*conn->at = conn->next) != NULL) {
        conn->next->at = conn->at;
    }
    server->count--;
    free(conn->buf);
    free(conn);
    release_server(server);
}

static void hang_up(struct line_conn *conn)
{
    if (conn->state == GONE) {
        return;
    }
    conn->state = GONE;
    uv_close((uv_handle_t *)&conn->pipe, on_conn_closed);
    uv_close((uv_handle_t *)&conn->timer, on_conn_closed);
}

static void on_flush_timeout(uv_timer_t *timer)
{
    hang_up(timer->data);
}

static void alloc_discard(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct line_conn *conn = handle->data;

    (void)hint;
    *buf = uv_buf_init(conn->server->discard, sizeof conn->server->discard);
}

static void on_lingering(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct line_conn *conn = stream->data;

    (void)buf;
    if (n > 0) {
        conn->discarded += (size_t)n;
    }
    if (n < 0 || conn->discarded > LIMIT_LINGER) {
        hang_up(conn);
    }
}

/* Everything is written. */
static void ended(struct line_conn *conn)
{
    uv_os_fd_t fd;

    if (!conn->unread) {
        hang_up(conn);
        return;
    }
    conn->state = LINGERING;
    if (uv_fileno((uv_handle_t *)&conn->pipe, &fd) == 0) {
        (void)shutdown(fd, SHUT_WR);
    }
    (void)uv_timer_start(&conn->timer, on_flush_timeout, LINGER_MS, 0);
    (void)uv_read_stop((uv_stream_t *)&conn->pipe);
    if (uv_read_start((uv_stream_t *)&conn->pipe, alloc_discard, on_lingering) < 0) {
        hang_up(conn);
    }
}

/* -- writing -- */

static void on_written(uv_write_t *req, int status)
{
    struct write *write = (struct write *)req;
    struct line_conn *conn = write->conn;

    free(write);
    if (conn->state == GONE) {
        return;
    }
    if (status < 0) {
        hang_up(conn);
    } else if (conn->state == ENDING &&
               uv_stream_get_write_queue_size((uv_stream_t *)&conn->pipe) == 0) {
        ended(conn);
    }
}

/* Queues what try_write left over. */
static int queue(struct line_conn *conn, const char *text, size_t len, size_t written)
{
    struct write *write = malloc(sizeof *write + len + 1 - written);
    uv_buf_t buf;

    if (write == NULL) {
        return -ENOMEM;
    }
    write->conn = conn;
    if (written < len) {
        memcpy(write->bytes, text + written, len - written);
    }
    write->bytes[len - written] = '\n';
    buf = uv_buf_init(write->bytes, (unsigned)(len + 1 - written));
    if (uv_write(&write->req, (uv_stream_t *)&conn->pipe, &buf, 1, on_written) == 0) {
        return 0;
    }
    free(write);
    return -EPIPE;
}

/* 1: written at once, 0: queued, negative: the peer is of no use any more. */
static int put(struct line_conn *conn, const char *text, size_t len)
{
    uv_stream_t *stream = (uv_stream_t *)&conn->pipe;
    uv_buf_t bufs[2] = {uv_buf_init((char *)text, (unsigned)len), uv_buf_init((char *)"\n", 1)};
    int n = uv_stream_get_write_queue_size(stream) == 0 ? uv_try_write(stream, bufs, 2) : UV_EAGAIN;

    if (n == (int)len + 1) {
        return 1;
    }
    if (n < 0 && n != UV_EAGAIN) {
        return n;
    }
    return queue(conn, text, len, n > 0 ? (size_t)n : 0);
}

void line_send(struct line_conn *conn, const char *text, size_t len)
{
    struct line_server *server = conn->server;

    if (conn->state != ANSWERING) {
        return;
    }
    if (uv_stream_get_write_queue_size((uv_stream_t *)&conn->pipe) + len > server->opt.max_queue) {
        log_warning(server->opt.log, NULL, "%s: a client does not read its answer: dropped",
                    server->opt.name);
        hang_up(conn);
        return;
    }
    if (put(conn, text, len) < 0) {
        hang_up(conn);
    }
}

void line_finish(struct line_conn *conn, const char *text, size_t len)
{
    int ret;

    if (conn->state > ANSWERING) {
        return;
    }
    conn->state = ENDING;
    (void)uv_timer_start(&conn->timer, on_flush_timeout, FLUSH_MS, 0);
    if ((ret = put(conn, text, len)) < 0) {
        hang_up(conn);
    } else if (ret > 0) {
        ended(conn);
    }
}

void line_fail(struct line_conn *conn, const char *kind, const char *message)
{
    char *text = line_json_error(kind, message);

    if (text != NULL) {
        line_finish(conn, text, strlen(text));
    } else {
        hang_up(conn);
    }
    free(text);
}

/* -- reading -- */

static void refuse(struct line_conn *conn, const char *message)
{
    conn->unread = true;
    (void)uv_read_stop((uv_stream_t *)&conn->pipe);
    line_fail(conn, "input", message);
}

static void on_request_timeout(uv_timer_t *timer)
{
    refuse(timer->data, "the request was not complete in time; it is one line of JSON");
}

static void alloc_request(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct line_conn *conn = handle->data;
    size_t max = conn->server->opt.max_line + 2, cap; /* LF, NUL */
    char *grown;

    (void)hint;
    *buf = uv_buf_init(NULL, 0);
    if (conn->len + 1 >= conn->cap && conn->cap < max) {
        cap = conn->cap == 0 ? FIRST_READ : 2 * conn->cap;
        cap = cap < max ? cap : max;
        if ((grown = realloc(conn->buf, cap)) == NULL) {
            return;
        }
        conn->buf = grown;
        conn->cap = cap;
    }
    if (conn->len + 1 < conn->cap) {
        *buf = uv_buf_init(conn->buf + conn->len, (unsigned)(conn->cap - conn->len - 1));
    }
}

static void on_answering(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct line_conn *conn = stream->data;

    (void)buf;
    if (n == 0) {
        return;
    }
    if (n > 0) {
        conn->unread = true;
    }
    if (n < 0 && n != UV_EOF) {
        hang_up(conn);
        return;
    }
    (void)uv_read_stop(stream);
}

static void deliver(struct line_conn *conn, char *lf)
{
    struct line_server *server = conn->server;

    if (lf + 1 < conn->buf + conn->len) {
        conn->unread = true;
    }
    *lf = '\0';
    conn->state = ANSWERING;
    conn->delivered = true;
    (void)uv_timer_stop(&conn->timer);
    (void)uv_read_stop((uv_stream_t *)&conn->pipe);
    if (!conn->unread) {
        (void)uv_read_start((uv_stream_t *)&conn->pipe, alloc_discard, on_answering);
    }
    server->opt.on_line(server->opt.arg, conn, conn->buf, (size_t)(lf - conn->buf));
}

static void on_reading(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct line_conn *conn = stream->data;
    char *lf;

    if (n == 0) {
        return;
    }
    if (n == UV_ENOBUFS) {
        refuse(conn, conn->cap == conn->server->opt.max_line + 2
                         ? "the request line is longer than is taken"
                         : "out of memory");
        return;
    }
    if (n == UV_EOF) {
        if (conn->len == 0) {
            hang_up(conn);
        } else {
            refuse(conn, "the request ended before its line did");
        }
        return;
    }
    if (n < 0) {
        hang_up(conn);
        return;
    }
    conn->len += (size_t)n;
    if ((lf = memchr(buf->base, '\n', (size_t)n)) != NULL) {
        deliver(conn, lf);
    } else if (conn->len > conn->server->opt.max_line) {
        refuse(conn, "the request line is longer than is taken");
    }
}

/* -- taking connections -- */

static int64_t peer_uid(int fd)
{
    struct sock_peer peer;

    return sock_peer(&peer, fd) == 0 ? (int64_t)peer.uid : -1;
}

static int add_conn(struct line_server *server, int fd)
{
    struct line_conn *conn = calloc(1, sizeof *conn);
    int ret;

    if (conn == NULL) {
        return -ENOMEM;
    }
    conn->server = server;
    conn->uid = peer_uid(fd);
    conn->open_handles = 2;
    conn->pipe.data = conn->timer.data = conn;
    conn->at = &server->conns;
    if ((conn->next = server->conns) != NULL) {
        conn->next->at = &conn->next;
    }
    server->conns = conn;
    server->count++;
    (void)uv_timer_init(server->opt.loop, &conn->timer);
    (void)uv_pipe_init(server->opt.loop, &conn->pipe, 0);
    if ((ret = uv_pipe_open(&conn->pipe, fd)) < 0) {
        hang_up(conn);
        return ret;
    }
    (void)uv_timer_start(&conn->timer, on_request_timeout, server->opt.request_ms, 0);
    if (uv_read_start((uv_stream_t *)&conn->pipe, alloc_request, on_reading) < 0) {
        hang_up(conn);
    }
    return 0;
}

/* The one that has been silent for longest, so that the silent do not keep the others out. */
static bool evict(struct line_server *server)
{
    struct line_conn *oldest = NULL;

    for (struct line_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        if (conn->state == READING) {
            oldest = conn;
        }
    }
    if (oldest == NULL) {
        return false;
    }
    line_fail(oldest, "unavailable", TOO_MANY);
    hang_up(oldest);
    return true;
}

static void warn_of_crowd(struct line_server *server)
{
    uint64_t now = uv_now(server->opt.loop);

    if (server->warned != 0 && now - server->warned < WARN_MS) {
        return;
    }
    server->warned = now + 1;
    log_warning(server->opt.log, NULL, "%s: more than %u clients at once: some are turned away",
                server->opt.name, server->opt.max_clients);
}

/* One too many: told so at once, without any state. */
static void turn_away(int fd)
{
    char *text = line_json_error("unavailable", TOO_MANY);
    size_t len = text != NULL ? strlen(text) : 0;

    if (text != NULL) {
        text[len] = '\n';
        (void)send(fd, text, len + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    free(text);
    (void)close(fd);
}

static void on_listening(uv_poll_t *poll, int status, int events);

static void on_pause(uv_timer_t *timer)
{
    struct line_server *server = timer->data;

    (void)uv_poll_start(&server->poll, UV_READABLE, on_listening);
}

static void on_listening(uv_poll_t *poll, int status, int events)
{
    struct line_server *server = poll->data;

    (void)events;
    for (int i = 0; status >= 0 && i < ACCEPTS && !server->freed; i++) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            log_error(server->opt.log, NULL, "%s: a connection cannot be taken: %s",
                      server->opt.name, err_string(-errno));
            (void)uv_poll_stop(poll);
            (void)uv_timer_start(&server->pause, on_pause, PAUSE_MS, 0);
            return;
        }
        if (fd < 0) {
            return;
        }
        if (server->count >= server->opt.max_clients) {
            warn_of_crowd(server);
        }
        if (server->count >= server->opt.max_clients && !evict(server)) {
            turn_away(fd);
        } else if (add_conn(server, fd) < 0) {
            (void)close(fd);
        }
    }
}

int line_server_new(struct line_server **out, const struct line_options *options, int fd)
{
    struct line_server *server = calloc(1, sizeof *server);
    int flags = fcntl(fd, F_GETFL), ret = -ENOMEM;

    if (server == NULL) {
        goto err0;
    }
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        ret = -errno;
        goto err1;
    }
    server->opt = *options;
    server->fd = fd;
    if ((ret = uv_poll_init(options->loop, &server->poll, fd)) < 0) {
        goto err1;
    }
    (void)uv_timer_init(options->loop, &server->pause);
    server->poll.data = server->pause.data = server;
    server->open_handles = 2;
    if ((ret = uv_poll_start(&server->poll, UV_READABLE, on_listening)) < 0) {
        line_server_free(server);
        return ret;
    }
    *out = server;
    return 0;
err1:
    free(server);
err0:
    (void)close(fd);
    return ret;
}

static void on_server_closed(uv_handle_t *handle)
{
    struct line_server *server = handle->data;

    if (--server->open_handles == 0) {
        (void)close(server->fd);
        release_server(server);
    }
}

void line_server_free(struct line_server *server)
{
    if (server == NULL || server->freed) {
        return;
    }
    server->freed = true;
    for (struct line_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        if (conn->state == READING || conn->state == ANSWERING) {
            hang_up(conn);
        }
    }
    uv_close((uv_handle_t *)&server->poll, on_server_closed);
    uv_close((uv_handle_t *)&server->pause, on_server_closed);
}

void line_each(struct line_server *server, void (*each)(struct line_conn *conn))
{
    for (struct line_conn *conn = server->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->state == ANSWERING) {
            each(conn);
        }
    }
}

int64_t line_peer_uid(const struct line_conn *conn)
{
    return conn->uid;
}

void line_set_data(struct line_conn *conn, void *data)
{
    conn->data = data;
}

void *line_data(const struct line_conn *conn)
{
    return conn->data;
}

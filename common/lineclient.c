#include "common/lineclient.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_BUFFER 4096

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until fd is ready for events. Also looks whether the watched one has lost its reader. */
static int wait_for(const struct lineclient *c, short events, int64_t deadline, struct err *err)
{
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd fds[2] = {{.fd = c->fd, .events = events}, {.fd = c->watch}};
        int n = poll(fds, 2, left > 0 ? (int)left : 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set(err, -errno, "poll: %s", strerror(errno));
        }
        if (fds[0].revents != 0) {
            return 0;
        }
        if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
            return err_set(err, ERR_CANCELLED, "nobody reads the output any more");
        }
        if (left <= 0) {
            return err_set(err, ERR_TIMEOUT, "no answer in time");
        }
    }
}

static int connect_to(struct lineclient *c, const char *path, int64_t deadline, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return err_set(err, ERR_LIMIT, "%s: the path of a socket has at most %zu octets", path,
                       sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if ((c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0) {
        return err_set(err, -errno, "socket: %s", strerror(errno));
    }
    while (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == EINTR) {
            continue;
        }
        if (errno == ENOENT || errno == ECONNREFUSED) {
            return err_set(err, ERR_UNAVAILABLE, "%s: %s: is certmilld running?", path,
                           strerror(errno));
        }
        if (errno != EAGAIN) {
            return err_set(err, -errno, "%s: %s", path, strerror(errno));
        }
        /* The queue of the listener is full; a Unix socket has no event for that. */
        if (now_ms() >= deadline) {
            return err_set(err, ERR_TIMEOUT, "%s: too many wait to be let in", path);
        }
        poll(NULL, 0, 10);
    }
    return 0;
}

int lineclient_open(struct lineclient *c, const char *path, size_t max, int timeout_ms,
                    struct err *err)
{
    *c = (struct lineclient){.fd = -1, .watch = -1, .max = max, .cap = FIRST_BUFFER};
    int ret;
    if ((c->buf = malloc(c->cap)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else {
        ret = connect_to(c, path, now_ms() + timeout_ms, err);
    }
    if (ret < 0) {
        lineclient_close(c);
    }
    return ret;
}

void lineclient_close(struct lineclient *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    free(c->buf);
    *c = (struct lineclient){.fd = -1, .watch = -1};
}

int lineclient_send(struct lineclient *c, const char *line, size_t len, int timeout_ms,
                    struct err *err)
{
    int64_t deadline = now_ms() + timeout_ms;
    size_t sent = 0;
    char newline = '\n';
    while (sent <= len) {
        struct iovec parts[2] = {
            {.iov_base = (char *)(uintptr_t)line + sent, .iov_len = len - sent},
            {.iov_base = &newline, .iov_len = 1}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN) {
            int ret = wait_for(c, POLLOUT, deadline, err);
            if (ret < 0) {
                return ret;
            }
        } else if (errno != EINTR) {
            return err_set(err, ERR_UNAVAILABLE, "the server hung up: %s", strerror(errno));
        }
    }
    return 0;
}

/* Makes room for at least one more octet (and a NUL) behind what is there. */
static int make_room(struct lineclient *c, struct err *err)
{
    if (c->start > 0) {
        memmove(c->buf, c->buf + c->start, c->end - c->start);
        c->end -= c->start;
        c->scanned -= c->start;
        c->start = 0;
    }
    if (c->end + 1 < c->cap) {
        return 0;
    }
    if (c->end > c->max) {
        return err_set(err, ERR_LIMIT, "the server sent a line of more than %zu octets", c->max);
    }
    size_t cap = c->cap <= c->max / 2 ? c->cap * 2 : c->max + 2;
    char *buf = realloc(c->buf, cap);
    if (buf == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    c->buf = buf;
    c->cap = cap;
    return 0;
}

/* A whole line that is already in the buffer: 1, else 0. */
static int take_line(struct lineclient *c, char **line, size_t *len)
{
    char *lf = memchr(c->buf + c->scanned, '\n', c->end - c->scanned);
    c->scanned = c->end;
    if (lf == NULL) {
        return 0;
    }
    *line = c->buf + c->start;
    *len = (size_t)(lf - *line);
    *lf = '\0';
    c->start += *len + 1;
    c->scanned = c->start;
    return 1;
}

int lineclient_read(struct lineclient *c, char **line, size_t *len, int timeout_ms, struct err *err)
{
    int64_t deadline = now_ms() + timeout_ms;
    while (!take_line(c, line, len)) {
        int ret = make_room(c, err);
        if (ret < 0) {
            return ret;
        }
        ssize_t n = read(c->fd, c->buf + c->end, c->cap - c->end - 1);
        if (n > 0) {
            c->end += (size_t)n;
        } else if (n == 0 || errno == ECONNRESET) {
            if (c->end > c->start) {
                return err_set(err, ERR_PROTOCOL, "the server's last line was cut short");
            }
            return 0;
        } else if (errno == EAGAIN) {
            if ((ret = wait_for(c, POLLIN, deadline, err)) < 0) {
                return ret;
            }
        } else if (errno != EINTR) {
            return err_set(err, -errno, "read: %s", strerror(errno));
        }
    }
    if (*len > c->max) {
        return err_set(err, ERR_LIMIT, "the server sent a line of more than %zu octets", c->max);
    }
    return 1;
}

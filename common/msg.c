#include "common/msg.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/wire.h"

#define HEADER 4

static uint8_t *claim(struct msg_writer *w, size_t n)
{
    uint8_t *p;

    if (w->error != 0) {
        return NULL;
    }
    if (n > w->cap - w->len) {
        w->error = ERR_LIMIT;
        return NULL;
    }
    p = w->buf + w->len;
    w->len += n;
    return p;
}

void msg_begin(struct msg_writer *w, uint8_t *buf, size_t cap, uint16_t type)
{
    *w = (struct msg_writer){.buf = buf, .cap = cap};
    msg_put_u8(w, MSG_VERSION);
    msg_put_u8(w, 0);
    msg_put_u16(w, type);
}

void msg_put_u8(struct msg_writer *w, uint8_t v)
{
    uint8_t *p = claim(w, 1);

    if (p != NULL) {
        *p = v;
    }
}

void msg_put_u16(struct msg_writer *w, uint16_t v)
{
    uint8_t *p = claim(w, 2);

    if (p != NULL) {
        wire_write_u16(p, v);
    }
}

void msg_put_u32(struct msg_writer *w, uint32_t v)
{
    uint8_t *p = claim(w, 4);

    if (p != NULL) {
        wire_write_u32(p, v);
    }
}

void msg_put_u64(struct msg_writer *w, uint64_t v)
{
    uint8_t *p = claim(w, 8);

    if (p != NULL) {
        wire_write_u64(p, v);
    }
}

void msg_put_bytes(struct msg_writer *w, const void *data, size_t len)
{
    uint8_t *p;

    if (len > UINT32_MAX) {
        w->error = ERR_LIMIT;
        return;
    }
    msg_put_u32(w, (uint32_t)len);
    if ((p = claim(w, len)) != NULL && len > 0) {
        memcpy(p, data, len);
    }
}

void msg_put_str(struct msg_writer *w, const char *s)
{
    msg_put_bytes(w, s, s != NULL ? strlen(s) : 0);
}

int msg_end(const struct msg_writer *w)
{
    if (w->error != 0) {
        return w->error;
    }
    return w->len <= INT_MAX ? (int)w->len : ERR_LIMIT;
}

static const uint8_t *take(struct msg_reader *r, size_t n)
{
    const uint8_t *p = r->pos;

    if (r->error != 0) {
        return NULL;
    }
    if (n > (size_t)(r->end - r->pos)) {
        r->error = ERR_MALFORMED;
        return NULL;
    }
    r->pos += n;
    return p;
}

int msg_open(struct msg_reader *r, const uint8_t *buf, size_t len)
{
    uint8_t version, zero;

    *r = (struct msg_reader){.pos = buf, .end = buf + len};
    version = msg_get_u8(r);
    zero = msg_get_u8(r);
    r->type = msg_get_u16(r);
    if (r->error == 0 && version != MSG_VERSION) {
        r->error = ERR_VERSION;
    } else if (r->error == 0 && zero != 0) {
        r->error = ERR_MALFORMED;
    }
    return r->error;
}

uint8_t msg_get_u8(struct msg_reader *r)
{
    const uint8_t *p = take(r, 1);

    return p != NULL ? *p : 0;
}

uint16_t msg_get_u16(struct msg_reader *r)
{
    const uint8_t *p = take(r, 2);

    return p != NULL ? wire_read_u16(p) : 0;
}

uint32_t msg_get_u32(struct msg_reader *r)
{
    const uint8_t *p = take(r, 4);

    return p != NULL ? wire_read_u32(p) : 0;
}

uint64_t msg_get_u64(struct msg_reader *r)
{
    const uint8_t *p = take(r, 8);

    return p != NULL ? wire_read_u64(p) : 0;
}

const uint8_t *msg_get_bytes(struct msg_reader *r, size_t max, size_t *len)
{
    static const uint8_t empty[1];
    size_t n = msg_get_u32(r);
    const uint8_t *p;

    *len = 0;
    if (r->error == 0 && n > max && n <= (size_t)(r->end - r->pos)) {
        r->error = ERR_LIMIT;
    }
    if ((p = take(r, n)) == NULL) {
        return empty;
    }
    *len = n;
    return p;
}

void msg_get_str(struct msg_reader *r, char *dst, size_t cap)
{
    const uint8_t *p;
    size_t len;

    if (cap == 0) {
        r->error = r->error != 0 ? r->error : ERR_LIMIT;
        return;
    }
    p = msg_get_bytes(r, cap - 1, &len);
    if (memchr(p, '\0', len) != NULL) {
        r->error = ERR_MALFORMED;
        len = 0;
    }
    memcpy(dst, p, len);
    dst[len] = '\0';
}

int msg_done(const struct msg_reader *r)
{
    if (r->error != 0) {
        return r->error;
    }
    return r->pos == r->end ? 0 : ERR_MALFORMED;
}

/* Room for descriptors, aligned as cmsg(3) wants it. */
union control {
    struct cmsghdr align;
    char buf[CMSG_SPACE(LIMIT_MESSAGE_FDS * sizeof(int))];
};

int msg_send(int fd, const struct msg_writer *w, const int *fds, size_t nfds)
{
    struct iovec iov = {.iov_base = w->buf, .iov_len = w->len};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    union control control;
    struct cmsghdr *cm;
    ssize_t n;

    if (w->error != 0) {
        return w->error;
    }
    if (nfds > LIMIT_MESSAGE_FDS) {
        return ERR_LIMIT;
    }
    if (nfds > 0) {
        memset(&control, 0, sizeof(control));
        mh.msg_control = control.buf;
        mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        cm = CMSG_FIRSTHDR(&mh);
        cm->cmsg_level = SOL_SOCKET;
        cm->cmsg_type = SCM_RIGHTS;
        cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
    }
    do {
        n = sendmsg(fd, &mh, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Takes the descriptors out of a received message; those without room are closed. */
static int take_fds(struct msghdr *mh, int *fds, size_t room, size_t *count)
{
    int ret = 0;

    *count = 0;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
        if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
            if (*count < room) {
                fds[(*count)++] = fd;
            } else {
                close(fd);
                ret = ERR_LIMIT;
            }
        }
    }
    return ret;
}

int msg_recv(int fd, uint8_t *buf, size_t cap, int *fds, size_t *nfds)
{
    struct iovec iov = {.iov_base = buf, .iov_len = cap};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    size_t room = nfds != NULL ? *nfds : 0, count;
    union control control;
    ssize_t n;
    int ret;

    room = room < LIMIT_MESSAGE_FDS ? room : LIMIT_MESSAGE_FDS;
    if (room > 0) {
        mh.msg_control = control.buf;
        mh.msg_controllen = CMSG_SPACE(room * sizeof(int));
    }
    if (nfds != NULL) {
        *nfds = 0;
    }
    do {
        n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    ret = take_fds(&mh, fds, room, &count);
    if (ret != 0 || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || n > INT_MAX) {
        for (size_t i = 0; i < count; i++) {
            close(fds[i]);
        }
        return ERR_LIMIT;
    }
    if (nfds != NULL) {
        *nfds = count;
    }
    return (int)n;
}

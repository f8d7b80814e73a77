#include "issuer/publisher_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc.h"
#include "common/limits.h"
#include "common/msg.h"
#include "zones/name.h"

#define BATCH 64 /* messages a wake-up, so that the loop's others are served too */

struct publisher_link {
    uv_poll_t poll;
    int fd;
    bool freed;
    struct publisher_link_events events;
    uint8_t buf[LIMIT_MESSAGE];
};

/* -- decoding: all of a message is read before any of it counts -- */

static bool get_seen(struct msg_reader *r, struct publisher_seen *seen)
{
    size_t name_len;

    seen->name = msg_get_bytes(r, LIMIT_NAME_WIRE, &name_len);
    seen->qtype = msg_get_u16(r);
    seen->tcp = msg_get_u8(r) != 0;
    seen->rcode = msg_get_u8(r);
    seen->answered = msg_get_u8(r) != 0;
    seen->address = msg_get_bytes(r, 16, &seen->address_len);
    seen->times = msg_get_u32(r);
    seen->generation = msg_get_u64(r);
    return r->error == 0 && name_measure(seen->name, name_len) == (int)name_len &&
           (seen->address_len == 4 || seen->address_len == 16);
}

static bool check_seen(struct msg_reader r)
{
    struct publisher_seen seen;
    uint16_t count = msg_get_u16(&r);

    for (uint16_t i = 0; i < count; i++) {
        if (!get_seen(&r, &seen)) {
            return false;
        }
    }
    return msg_done(&r) == 0;
}

static bool read_seen(struct publisher_link *link, struct msg_reader *r)
{
    uint16_t count;

    if (!check_seen(*r)) {
        return false;
    }
    count = msg_get_u16(r);
    for (uint16_t i = 0; i < count && !link->freed; i++) {
        struct publisher_seen seen;

        if (!get_seen(r, &seen)) {
            return false;
        }
        link->events.seen(link->events.arg, &seen);
    }
    return true;
}

static bool read_stats(struct publisher_link *link, struct msg_reader *r)
{
    uint16_t count = msg_get_u16(r);
    struct publisher_counter *counters;
    bool ok;

    if (r->error != 0 || count > LIMIT_COUNTERS) {
        return false;
    }
    if ((counters = calloc((size_t)count + 1, sizeof *counters)) == NULL) {
        return true;
    }
    for (uint16_t i = 0; i < count; i++) {
        msg_get_str(r, counters[i].name, sizeof counters[i].name);
        counters[i].value = msg_get_u64(r);
    }
    ok = msg_done(r) == 0;
    if (ok) {
        link->events.stats(link->events.arg, counters, count);
    }
    free(counters);
    return ok;
}

static bool read_ack(struct publisher_link *link, struct msg_reader *r)
{
    uint64_t generation = msg_get_u64(r);

    if (msg_done(r) < 0) {
        return false;
    }
    link->events.ack(link->events.arg, generation);
    return true;
}

static bool read_refused(struct publisher_link *link, struct msg_reader *r)
{
    uint64_t generation = msg_get_u64(r);
    char reason[LIMIT_ERROR_TEXT];

    msg_get_str(r, reason, sizeof reason);
    if (msg_done(r) < 0) {
        return false;
    }
    link->events.refused(link->events.arg, generation, reason);
    return true;
}

static bool dispatch(struct publisher_link *link, size_t len)
{
    struct msg_reader r;

    if (msg_open(&r, link->buf, len) < 0) {
        return false;
    }
    switch (r.type) {
    case IPC_IMAGE_ACK:
        return read_ack(link, &r);
    case IPC_IMAGE_REFUSED:
        return read_refused(link, &r);
    case IPC_SEEN:
        return read_seen(link, &r);
    case IPC_STATS:
        return read_stats(link, &r);
    default:
        return false;
    }
}

/* -- the channel -- */

static void on_closed(uv_handle_t *handle)
{
    struct publisher_link *link = handle->data;

    (void)close(link->fd);
    free(link);
}

void publisher_link_free(struct publisher_link *link)
{
    if (link == NULL || link->freed) {
        return;
    }
    link->freed = true;
    uv_close((uv_handle_t *)&link->poll, on_closed);
}

static void lose(struct publisher_link *link, const char *why, bool broken)
{
    struct publisher_link_events events = link->events;

    publisher_link_free(link);
    events.lost(events.arg, why, broken);
}

static void receive(struct publisher_link *link)
{
    for (int i = 0; i < BATCH && !link->freed; i++) {
        size_t nfds = 0;
        int len = msg_recv(link->fd, link->buf, sizeof link->buf, NULL, &nfds);

        if (len == -EAGAIN) {
            return;
        }
        if (len == 0) {
            lose(link, "it closed the channel", false);
            return;
        }
        if (len < 0) {
            lose(link, err_string(len), len == ERR_LIMIT);
            return;
        }
        if (!dispatch(link, (size_t)len)) {
            if (!link->freed) {
                lose(link, "it sent a message that breaks the protocol", true);
            }
            return;
        }
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct publisher_link *link = poll->data;

    if (status < 0) {
        lose(link, "it closed the channel", false); /* libuv has stopped the handle */
        return;
    }
    if (events & UV_WRITABLE) {
        (void)uv_poll_start(poll, UV_READABLE, on_poll);
        link->events.writable(link->events.arg);
    }
    if ((events & UV_READABLE) && !link->freed) {
        receive(link);
    }
}

int publisher_link_new(struct publisher_link **out, uv_loop_t *loop, int fd,
                       const struct publisher_link_events *events)
{
    struct publisher_link *link = calloc(1, sizeof *link);
    int flags = fcntl(fd, F_GETFL), ret;

    if (link == NULL) {
        ret = -ENOMEM;
        goto err0;
    }
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        ret = -errno;
        goto err0;
    }
    link->fd = fd;
    link->events = *events;
    if ((ret = uv_poll_init(loop, &link->poll, fd)) < 0) {
        goto err0;
    }
    link->poll.data = link;
    if ((ret = uv_poll_start(&link->poll, UV_READABLE, on_poll)) < 0) {
        publisher_link_free(link);
        return ret;
    }
    *out = link;
    return 0;
err0:
    free(link);
    (void)close(fd);
    return ret;
}

static int send_message(struct publisher_link *link, const struct msg_writer *w, int fd)
{
    int ret;

    if (w->error != 0) {
        return w->error;
    }
    ret = msg_send(link->fd, w, &fd, fd >= 0 ? 1 : 0);
    if (ret == -EAGAIN) {
        (void)uv_poll_start(&link->poll, UV_READABLE | UV_WRITABLE, on_poll);
    }
    return ret;
}

int publisher_link_image(struct publisher_link *link, uint64_t generation, int image)
{
    struct msg_writer w;
    uint8_t buf[32];

    msg_begin(&w, buf, sizeof buf, IPC_IMAGE);
    msg_put_u64(&w, generation);
    return send_message(link, &w, image);
}

int publisher_link_stats(struct publisher_link *link)
{
    struct msg_writer w;
    uint8_t buf[8];

    msg_begin(&w, buf, sizeof buf, IPC_STATS_REQUEST);
    return send_message(link, &w, -1);
}

#include "dnsd/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct wake *wake = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    /* Read first: what is sent from then on is either seen by call, or written again. */
    if (read(wake->fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR) {
        return;
    }
    atomic_store(&wake->due, false);
    wake->call(wake->arg);
}

int wake_init(struct wake *wake, uv_loop_t *loop, void (*call)(void *arg), void *arg)
{
    int ret;

    *wake = (struct wake){.call = call, .arg = arg};
    if ((wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) {
        return -errno;
    }
    if ((ret = uv_poll_init(loop, &wake->poll, wake->fd)) < 0) {
        goto err1;
    }
    wake->poll.data = wake;
    if ((ret = uv_poll_start(&wake->poll, UV_READABLE, on_readable)) < 0) {
        wake_close(wake);
        return ret;
    }
    return 0;
err1:
    close(wake->fd);
    return ret;
}

void wake_send(struct wake *wake)
{
    const uint64_t one = 1;

    if (!atomic_exchange(&wake->due, true)) {
        /* Fails only where the counter is full, and then it is readable. */
        (void)!write(wake->fd, &one, sizeof(one));
    }
}

static void on_closed(uv_handle_t *poll)
{
    close(((struct wake *)poll->data)->fd);
}

void wake_close(struct wake *wake)
{
    uv_close((uv_handle_t *)&wake->poll, on_closed);
}

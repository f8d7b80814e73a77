/*
 * Waking a loop from another thread. libuv's own way (uv_async) lets the woken thread wait,
 * spinning, until the waking one has left uv_async_send; where both share a core the woken thread
 * takes the core at once, and spins until the scheduler gives it back: milliseconds in each
 * publication.
 */
#ifndef CERTMILL_DNSD_WAKE_H
#define CERTMILL_DNSD_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct wake {
    uv_poll_t poll;
    int fd;
    atomic_bool due; /* written, and not yet read */
    void (*call)(void *arg);
    void *arg;
};

/* call runs on the loop's thread after each wake_send; several at once are one. The struct must
 * stay where it is until its loop has run after wake_close. -errno. */
int wake_init(struct wake *wake, uv_loop_t *loop, void (*call)(void *arg), void *arg);
/* From any thread. What it stored before is seen by call. */
void wake_send(struct wake *wake);
/* The loop's thread, or none runs it any more; the loop has to run once afterwards. */
void wake_close(struct wake *wake);

#endif

/*
 * What a service manager wants to hear (sd_notify(3)), by its documented datagram.
 */
#ifndef CERTMILL_SUPERVISOR_NOTIFY_H
#define CERTMILL_SUPERVISOR_NOTIFY_H

#include <stdint.h>

struct notify {
    int fd;               /* connected, or -1: nobody wants to know */
    uint64_t watchdog_ms; /* interval of WATCHDOG=1, or 0 */
};

/* From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. A socket that is not there is as none. */
void notify_open(struct notify *notify, char *const *envp, int pid);
void notify_close(struct notify *notify);

/* Lines as sd_notify(3). */
void notify_send(const struct notify *notify, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

#include "supervisor/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *variable(char *const *envp, const char *name)
{
    size_t len = strlen(name);

    for (; envp != NULL && *envp != NULL; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') {
            return *envp + len + 1;
        }
    }
    return NULL;
}

static int open_socket(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(sun.sun_path)) {
        return -1;
    }
    memcpy(sun.sun_path, path, len);
    if (path[0] == '@') {
        sun.sun_path[0] = '\0'; /* unix(7), abstract: its length counts, not a NUL */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sun,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static uint64_t watchdog(char *const *envp, int pid)
{
    const char *usec = variable(envp, "WATCHDOG_USEC");
    const char *who = variable(envp, "WATCHDOG_PID");

    if (usec == NULL || (who != NULL && strtol(who, NULL, 10) != pid)) {
        return 0;
    }
    return strtoull(usec, NULL, 10) / 2 / 1000;
}

void notify_open(struct notify *notify, char *const *envp, int pid)
{
    const char *path = variable(envp, "NOTIFY_SOCKET");

    *notify = (struct notify){.fd = -1};
    if (path != NULL) {
        notify->fd = open_socket(path);
    }
    if (notify->fd >= 0) {
        notify->watchdog_ms = watchdog(envp, pid);
    }
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    notify->fd = -1;
}

void notify_send(const struct notify *notify, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (notify->fd < 0) {
        return;
    }
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len > 0 && (size_t)len < sizeof(text)) {
        (void)send(notify->fd, text, (size_t)len, MSG_NOSIGNAL);
    }
}

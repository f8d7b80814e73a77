#include "client/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

int interrupt_begin(struct interrupt *interrupt, struct err *err)
{
    sigset_t set;
    fill(&set);
    if ((interrupt->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        return err_set(err, -errno, "signalfd: %s", strerror(errno));
    }
    int ret = pthread_sigmask(SIG_BLOCK, &set, &interrupt->before);
    if (ret != 0) {
        close(interrupt->fd);
        return err_set(err, -ret, "signals could not be blocked: %s", strerror(ret));
    }
    return 0;
}

bool interrupt_end(struct interrupt *interrupt)
{
    struct signalfd_siginfo info;
    bool came = false;
    while (read(interrupt->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        came = true;
    }
    close(interrupt->fd);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    return came;
}

bool interrupt_wait(int fd, int timeout_ms)
{
    struct pollfd pollfd = {.fd = fd > 0 ? fd : -1, .events = POLLIN};
    return poll(&pollfd, 1, timeout_ms) > 0;
}

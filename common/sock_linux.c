#include "common/sock.h"

#include <errno.h>
#include <sys/socket.h>

int sock_peer(struct sock_peer *peer, int fd)
{
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
        return -errno;
    }
    *peer = (struct sock_peer){cred.pid, cred.uid};
    return 0;
}

int sock_share(int fd)
{
    const int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* The kernel doubles what it is told, and says so. */
static void widen(int fd, int option, int force, int bytes)
{
    int doubled = 0;
    socklen_t len = sizeof(doubled);

    if (getsockopt(fd, SOL_SOCKET, option, &doubled, &len) == 0 && doubled / 2 >= bytes) {
        return;
    }
    if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) < 0) {
        (void)setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
    }
}

void sock_widen_receive(int fd, int bytes)
{
    widen(fd, SO_RCVBUF, SO_RCVBUFFORCE, bytes);
}

void sock_widen_send(int fd, int bytes)
{
    widen(fd, SO_SNDBUF, SO_SNDBUFFORCE, bytes);
}

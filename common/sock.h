/*
 * What every system has of sockets, and each by another option.
 */
#ifndef CERTMILL_COMMON_SOCK_H
#define CERTMILL_COMMON_SOCK_H

#include <sys/types.h>

struct sock_peer {
    pid_t pid;
    uid_t uid;
};

/* Who is at the other end of a connected local socket, as of when it connected or listened.
 * -errno. */
int sock_peer(struct sock_peer *peer, int fd);

/* Other sockets of this user may bind the same address, and the kernel deals what comes there among
 * them, a client always to the same. -errno. */
int sock_share(int fd);

/* The queue of what comes in, or goes out, takes at least so many octets: more than the host's
 * limit where this process may say so, else up to that. */
void sock_widen_receive(int fd, int bytes);
void sock_widen_send(int fd, int bytes);

#endif

/*
 * Who holds a port that we wanted: /proc/net names the socket's inode, /proc/PID/fd the process
 * that has it open. For a message only; nothing here is an error.
 */
#ifndef CERTMILL_SUPERVISOR_HOLDER_H
#define CERTMILL_SUPERVISOR_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/address.h"

struct holder {
    pid_t pid;
    char name[32];
};

/* type: SOCK_DGRAM or SOCK_STREAM. False where it cannot be found out (another user's
 * process, another network namespace). */
bool holder_find(struct holder *holder, int type, const struct address *address);

/* One line of /proc/net/udp, tcp, udp6 or tcp6 (ipv6 says which): the inode of its
 * socket where that keeps address from being bound, else 0. */
uint64_t holder_match(const char *line, bool ipv6, int type, const struct address *address);

#endif

/*
 * Within supervisor/holder_linux.c: /proc/net names the socket's inode, /proc/PID/fd the process
 * that has it open.
 */
#ifndef CERTMILL_SUPERVISOR_HOLDER_LINUX_H
#define CERTMILL_SUPERVISOR_HOLDER_LINUX_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/address.h"

/* One line of /proc/net/udp, tcp, udp6 or tcp6 (ipv6 says which): the inode of its
 * socket where that keeps address from being bound, else 0. */
uint64_t holder_match(const char *line, bool ipv6, int type, const struct address *address);

#endif

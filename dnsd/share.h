/*
 * Which worker serves which of the sockets that the supervisor made.
 */
#ifndef CERTMILL_DNSD_SHARE_H
#define CERTMILL_DNSD_SHARE_H

#include <stddef.h>

#include "common/boot.h"

/* Number of workers: dns-threads (0: one a core this process may use), and at least one for each
 * worker that has sockets of its own; at most LIMIT_DNS_THREADS. */
size_t share_workers(const struct boot *boot);

/* Writes the descriptors of a kind that a worker serves, at most cap; returns how many. They
 * are its own where it has some for an address; where it has not (socket activation gives one
 * an address), all such workers serve that of worker 0. */
size_t share_sockets(const struct boot *boot, enum ipc_socket_kind kind, size_t worker, int *fds,
                     size_t cap);

#endif

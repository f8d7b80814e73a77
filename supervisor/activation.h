/*
 * Sockets handed over by the service manager (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES. What a socket is for is read off the socket itself; local stream
 * sockets are told apart by LISTEN_FDNAMES or else by their path ("submit", "control").
 */
#ifndef CERTMILL_SUPERVISOR_ACTIVATION_H
#define CERTMILL_SUPERVISOR_ACTIVATION_H

#include <stddef.h>

#include "common/err.h"
#include "supervisor/listen.h"

#define ACTIVATION_FIRST 3 /* SD_LISTEN_FDS_START */

struct activation {
    int count;         /* descriptors from ACTIVATION_FIRST on */
    const char *names; /* LISTEN_FDNAMES, or "" */
};

/* Reads the environment. Variables for another pid are as none. ERR_MALFORMED, ERR_LIMIT. */
int activation_parse(struct activation *activation, char *const *envp, int pid, struct err *err);

/* Sorts the descriptors into set: DNS ones once for each worker (which share them), local
 * ones. They are set's then. ERR_UNKNOWN for a socket that nobody here wants. */
int activation_take(const struct activation *activation, size_t workers, struct listen_set *set,
                    struct log *log, struct err *err);

#endif

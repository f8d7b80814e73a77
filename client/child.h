/*
 * Other programs, started: the server's command, ssh, hooks. Private to client/server and
 * client/hooks.
 */
#ifndef CERTMILL_CLIENT_CHILD_H
#define CERTMILL_CLIENT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"

struct child_wish {
    char *const *argv; /* as posix_spawnp(3) takes it */
    char *const *envp; /* NULL: our own */
    int fds[3];        /* its standard input, output and error; -1: /dev/null */
    bool group;        /* a process group of its own, so that what it starts can be ended with it */
};

/* Starts it, with no signal blocked and SIGPIPE as usual. It inherits no other descriptor of ours,
 * as long as these are all O_CLOEXEC. The caller waits for *pid. 0 or -errno. */
int child_spawn(pid_t *pid, const struct child_wish *wish);

/* A descriptor that is readable once this child has ended; the caller closes it, and waits for the
 * child as well. No other child inherits it. -errno. */
int child_watch(pid_t pid, struct err *err);

/* A pipe; our end does not block, and no other child inherits either. The caller closes both: those
 * that were there before an error, too. 0 or -errno. */
int child_pipe(int *ours, int *theirs, bool ours_writes);

#endif

/*
 * A child process of certmilld: this same program, executed anew in a role.
 */
#ifndef CERTMILL_SUPERVISOR_PROCESS_H
#define CERTMILL_SUPERVISOR_PROCESS_H

#include <sys/types.h>

#include "common/err.h"
#include "common/ipc.h"

/* Starts `--role NAME` with a control channel (*control: our end, non-blocking,
 * close-on-exec), no other descriptor than the standard ones, and an environment of a few
 * harmless variables. It dies with us. 0 or -errno. */
int process_spawn(enum ipc_role role, pid_t *pid, int *control, struct err *err);

/* Name of the process for ps(1), at most 15 characters. */
const char *process_name(enum ipc_role role);

/* How a process ended (wait(2)), for the log. */
void process_describe(int status, char *dst, size_t cap);

#endif

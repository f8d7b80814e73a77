/*
 * What certmill-shell gives up once it is connected.
 */
#ifndef CERTMILL_SHELL_CONFINE_H
#define CERTMILL_SHELL_CONFINE_H

#include "common/err.h"

/* Before anything foreign is read: no new privileges, no core dumps, no ptrace by others of
 * the user, no child processes. */
int confine_early(struct err *err);

/* Once connected: no system call but for reading and writing what is open, memory and
 * time (seccomp; what else is tried fails with EPERM). Does nothing on an architecture that it
 * does not know and under the sanitizers, whose runtimes need more. */
int confine_late(struct err *err);

#endif

/*
 * One certmilld a state folder: `certmilld.pid` there is locked as long as we live, and
 * says who we are. The lock goes with the process, so a file left over means nothing.
 */
#ifndef CERTMILL_SUPERVISOR_LOCK_H
#define CERTMILL_SUPERVISOR_LOCK_H

#include "common/err.h"

/* Returns the descriptor that holds the lock (close-on-exec), ERR_BUSY naming the pid of the
 * process that has it, or -errno. */
int lock_take(const char *state_dir, struct err *err);
/* Empties the file and lets go. */
void lock_release(int fd);

#endif

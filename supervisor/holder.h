/*
 * Who holds a port that we wanted. For a message only; nothing here is an error.
 */
#ifndef CERTMILL_SUPERVISOR_HOLDER_H
#define CERTMILL_SUPERVISOR_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "supervisor/address.h"

struct holder {
    pid_t pid;
    char name[32];
};

/* type: SOCK_DGRAM or SOCK_STREAM. False where it cannot be found out (another user's
 * process, another network namespace). */
bool holder_find(struct holder *holder, int type, const struct address *address);

#endif

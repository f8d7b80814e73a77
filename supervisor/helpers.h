/*
 * The programs that tell the operator: notify-program, and notify-sendmail. They run below the
 * supervisor because the issuer may run nothing; but as notify-user, with an environment, limits
 * and descriptors of their own, a few at once, and not for long. What they read comes from the
 * issuer as it is; nobody here looks into it.
 */
#ifndef CERTMILL_SUPERVISOR_HELPERS_H
#define CERTMILL_SUPERVISOR_HELPERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "common/ipc.h"
#include "common/limits.h"

struct supervisor;

struct helper {
    struct supervisor *sup;
    pid_t pid; /* 0: none */
    enum ipc_notify how;
    uv_timer_t timer;
    bool late; /* killed by us */
};

struct helpers {
    struct helper running[LIMIT_NOTIFY_RUNNING];
    struct {
        enum ipc_notify how;
        int fd; /* a memfile with what it is to read */
    } queue[LIMIT_NOTIFY_QUEUE];
    size_t waiting;
    uint64_t hour; /* its begin, clock_mono_ms */
    int64_t taken; /* within it */
    uint64_t dropped;
};

void helpers_init(struct supervisor *sup);
/* len octets for one of the programs. More than the configuration's bound, or than can wait, are
 * dropped and counted in the log. Programs that are not configured get nothing. */
void helpers_take(struct supervisor *sup, enum ipc_notify how, const uint8_t *text, size_t len);
/* After SIGCHLD. */
void helpers_reap(struct supervisor *sup);
/* Ends them; the loop must be run after it. */
void helpers_close(struct supervisor *sup);

#endif

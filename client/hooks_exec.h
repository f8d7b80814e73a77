/*
 * One hook: started, its output logged, ended when its time is over. Private to client/hooks.
 */
#ifndef CERTMILL_CLIENT_HOOKS_EXEC_H
#define CERTMILL_CLIENT_HOOKS_EXEC_H

#include <stdint.h>

#include "client/report.h"
#include "common/err.h"

struct hooks_exec {
    char *const *argv; /* as posix_spawnp(3) takes it; argv[0] names it in messages */
    char *const *envp;
    int64_t timeout_ms;
    struct report *report;
    const char *name; /* what messages call it */
};

/* Runs it to its end. ERR_UNAVAILABLE where it cannot be started or ends badly, ERR_TIMEOUT
 * where it had to be ended; err says so of the hook by name. */
int hooks_exec(const struct hooks_exec *exec, struct err *err);

#endif

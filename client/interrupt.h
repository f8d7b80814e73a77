/*
 * SIGINT, SIGTERM and SIGHUP while certificates are being had: heard by whoever polls for them, so
 * that no file is left half written and no command of ours runs on.
 */
#ifndef CERTMILL_CLIENT_INTERRUPT_H
#define CERTMILL_CLIENT_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

#include "common/err.h"

struct interrupt {
    int fd; /* readable once one has come, for good; for struct client's stop */
    sigset_t before;
};

/* From here on signals do not end the process, nor threads started hence. -errno. */
int interrupt_begin(struct interrupt *interrupt, struct err *err);

/* Back to how it was. What came meanwhile has been heard, and does not end the process either.
 * Returns whether one came. */
bool interrupt_end(struct interrupt *interrupt);

/* Waits up to so many milliseconds for the descriptor (0 and less: none); true: one has come. */
bool interrupt_wait(int fd, int timeout_ms);

#endif

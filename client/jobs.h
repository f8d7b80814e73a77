/*
 * Pieces of work, several at once: a certificate's is mostly waiting for the server.
 */
#ifndef CERTMILL_CLIENT_JOBS_H
#define CERTMILL_CLIENT_JOBS_H

#include <stddef.h>

/* Calls work(arg, i) once for each i below count, in their order, by at most threads threads at
 * once (one and less: by the caller's alone; the same where no thread can be had). Once the
 * descriptor stop is readable (0: never) no further call begins. Returns how many were begun;
 * all of them have returned. */
size_t jobs_run(size_t threads, int stop, size_t count, void (*work)(void *arg, size_t i),
                void *arg);

#endif

/*
 * Work at the server that a signal may end: what it leaves is nothing.
 */
#ifndef CERTMILL_CLIENT_GUARD_H
#define CERTMILL_CLIENT_GUARD_H

#include "client/command.h"

/* Runs work with client->stop listening to SIGINT, SIGTERM and SIGHUP (client/interrupt.h), and
 * ends the connection to the server before they end the process again: neither an ssh in the
 * background nor its folder stays behind. Within another guard it just runs work. Returns 1
 * where one came, 0 where none did, -errno where nothing was begun. */
int guard_run(struct client *client, void (*work)(void *arg), void *arg, struct err *err);

/* The same for jobs_run with settings.jobs threads; *begun (or NULL) is what that returns. */
int guard_jobs(struct client *client, size_t count, void (*work)(void *arg, size_t i), void *arg,
               size_t *begun, struct err *err);

#endif

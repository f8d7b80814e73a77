/*
 * A round over all certificates: what needs it is renewed, several at once, each under its lock;
 * one that fails does not stop the others; then hooks, once, and a line of figures.
 */
#ifndef CERTMILL_CLIENT_ROUND_H
#define CERTMILL_CLIENT_ROUND_H

#include "client/command.h"

enum round_kind {
    ROUND_DUE, /* what is due, or has a problem that a new certificate mends */
    ROUND_ALL, /* a new certificate for every set, whatever the state of the old */
};

/* Returns the exit status: 0 where nothing failed, hooks included. SIGINT, SIGTERM and SIGHUP while
 * the server is asked: nothing new is begun, what is under way is ended before any file is touched,
 * hooks run for what has changed, and the status is 1. */
int round_run(struct client *client, enum round_kind kind);

#endif

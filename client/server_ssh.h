/*
 * What is particular about a server that is reached by ssh(1). Private to client/server.
 */
#ifndef CERTMILL_CLIENT_SERVER_SSH_H
#define CERTMILL_CLIENT_SERVER_SSH_H

#include <stdbool.h>

#include "common/err.h"
#include "common/words.h"

/* What the user's own words say about things that we would set. */
struct server_ssh {
    bool ssh;       /* the program is ssh; else nothing below counts */
    bool control;   /* -M, -S, -o Control...: sharing is the user's */
    bool batch;     /* -o BatchMode */
    bool timeout;   /* -o ConnectTimeout */
    bool no_input;  /* -n, -f, -N: nothing would reach the server */
    char no_letter; /* which of them */
    bool open;      /* the host is named and no word for it: ssh would take ours for its own */
};

void server_ssh_look(struct server_ssh *out, const struct words *words);

/* What ssh's words on standard error mean for who reads them; each of them is offered, and the
 * first that means something counts. */
enum server_ssh_trouble {
    SSH_NO_TROUBLE,
    SSH_KEY_CHANGED, /* the server's host key is not the known one */
    SSH_KEY_UNKNOWN,
    SSH_DENIED, /* no key of ours is taken, or a password is wanted */
    SSH_NO_IDENTITY,
};

enum server_ssh_trouble server_ssh_trouble(const char *line);
/* What to do about it: ": " and a sentence's second half, or "". */
const char *server_ssh_advice(enum server_ssh_trouble trouble);
/* Whether the line is only about the sharing of a connection, which goes on without. */
bool server_ssh_noise(const char *line);

#endif

/*
 * Running the command that reaches the server: no shell, everything bounded.
 */
#ifndef CERTMILL_CLIENT_SERVER_H
#define CERTMILL_CLIENT_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "client/settings.h"
#include "common/err.h"
#include "common/log.h"

struct server_session;

struct server_call {
    const struct settings *settings;
    struct server_session *session; /* client->session where one command makes several calls;
                                       NULL: a connection of its own */
    const char *first, *second;     /* words of the command; second may be NULL */
    char *const *more; /* more_count words behind these: names (no blanks, no quotes) */
    size_t more_count;
    const char *input; /* for its standard input, input_len octets */
    size_t input_len;
    int timeout_ms;
    bool force; /* `--force`: anew, though the server has a good certificate */
    int stop;   /* descriptor that is readable once the command is to be ended; 0: none */
    /* Takes each log line of the server's, in pieces: its level and what it says. */
    void (*line)(void *arg, enum log_level level, const char *message);
    void *arg;
};

/* ERR_NOT_FOUND, with what to do, where no command is configured. */
int server_configured(const struct settings *settings, struct err *err);

/* The words that are run: the configured command, then the options and words for the server.
 * *argv is NULL-terminated, malloc'd in one piece with its words; free(*argv). */
int server_argv(char ***argv, const struct server_call *call, struct err *err);

/* Runs it; several threads may, each its own. *output (malloc'd, with a NUL behind it, which what
 * is binary may hold as well) is what it wrote to standard output, at most LIMIT_CHAIN_PEM octets.
 * ERR_UNAVAILABLE where it cannot be started or failed by itself, ERR_CA, ERR_POLICY,
 * ERR_MALFORMED, ERR_LATER and the like where certmill-shell says so by its status; ERR_TIMEOUT;
 * ERR_LIMIT; ERR_CANCELLED where call->stop said so. err says what failed and what to do. */
int server_run(char **output, size_t *len, const struct server_call *call, struct err *err);

/* Takes a log line apart, `DATE TIME ZONE PROGRAM LEVEL MESSAGE`: sets *level and returns the
 * message, or INFO and the whole line where it is none. */
const char *server_line(const char *line, enum log_level *level);

#endif

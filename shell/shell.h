/*
 * certmill-shell: the forced command of an ssh key. Takes one request from a stranger, asks
 * the issuer over submit.sock, and hands the answer back: output on stdout, log lines on stderr.
 */
#ifndef CERTMILL_SHELL_SHELL_H
#define CERTMILL_SHELL_SHELL_H

#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "common/option.h"

/* Exit statuses, as docs/protocol.md has them. */
enum shell_status {
    SHELL_OK = 0,
    SHELL_INTERNAL = 1,
    SHELL_USAGE = 2,
    SHELL_INPUT = 3,
    SHELL_POLICY = 4,
    SHELL_CA = 5,
    SHELL_UNAVAILABLE = 6,
    SHELL_INTERRUPTED = 7,
    SHELL_NO_SERVER = 8,
    SHELL_LATER = 9,
};

struct shell {
    const char *socket;   /* of the issuer */
    int patience_ms;      /* for how long it may be away, where its folder is there */
    const char *domains;  /* permitted sets, or NULL */
    const char *name;     /* of a client that the server's configuration has, or NULL */
    char client[64];      /* who asks: an address, or "local" */
    int in, out, log;     /* descriptors: stdin, stdout, stderr */
    enum log_level level; /* what the client wants to hear */
};

/* The operator's own options, of the real command line. */
extern const struct option_row shell_options[];
extern const size_t shell_option_count;

/* One log line to the client; it is best effort, since the answer does not hang on it. */
void shell_log(const struct shell *shell, enum log_level level, int64_t unix_us,
               const char *message);

/* The whole program. env as getenv(3) reads it. Returns an enum shell_status. */
int shell_main(int argc, char **argv);

#endif

/*
 * What a client asks of certmill-shell: its words against the few that a stranger may
 * say. Pure: no socket, no environment.
 */
#ifndef CERTMILL_SHELL_REQUEST_H
#define CERTMILL_SHELL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/log.h"
#include "common/option.h"

enum request_input {
    REQUEST_INPUT_NONE,
    REQUEST_INPUT_CSR,
    REQUEST_INPUT_CHAIN,
    REQUEST_INPUT_JWS
};

struct request_op {
    const char *name;           /* as in docs/protocol.md */
    const char *first, *second; /* its words; second may be NULL */
    enum request_input input;
    bool needs_domains;
    bool local; /* answered without the server */
    bool names; /* takes names behind it */
    const char *help;
};

/* Strings point into the words that were parsed. */
struct request {
    const struct request_op *op;
    enum log_level level;
    const char *level_word; /* as it was given, or NULL */
    bool staging, force;
    const char *acme_server_url; /* NULL where not given */
    const char *authority, *preferred_chain, *profile, *reason;
    char *const *names; /* of "check": words of the command line from here on */
    size_t name_count;
};

extern const struct request_op request_ops[];
extern const size_t request_op_count;
extern const struct option_row request_options[];
extern const size_t request_option_count;

/* Reads count words: request_options and the words of one command, in any order; the names of
 * "check" stand together, behind it. ERR_UNKNOWN names the word that is refused and says what is
 * taken; ERR_LIMIT. */
int request_parse(struct request *out, char *const *words, size_t count, struct err *err);

/* Whether len octets look like the input of that kind: ERR_MALFORMED (with the reason) for
 * nothing at all, for what is not text, for a missing or second CSR. The issuer judges the rest. */
int request_check_input(enum request_input kind, const char *input, size_t len, struct err *err);

#endif

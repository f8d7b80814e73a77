/*
 * One request to the issuer and its answer (docs/protocol.md, submit.sock).
 */
#ifndef CERTMILL_SHELL_EXCHANGE_H
#define CERTMILL_SHELL_EXCHANGE_H

#include "shell/request.h"
#include "shell/shell.h"

/* The request as one JSON line, without its LF; malloc'd. input: NULL or text. ERR_MALFORMED where
 * something is not UTF-8, ERR_LIMIT where the line is too long, -ENOMEM. */
int exchange_encode(char **line, const struct shell *shell, const struct request *request,
                    const char *input, struct err *err);

/* What one answer line brought. */
struct exchange_answer {
    bool done;                /* the result is there */
    bool closed;              /* none came: certmilld ended, or was restarted, meanwhile */
    enum shell_status status; /* where done */
    char *output;             /* malloc'd, where done and well */
    size_t output_len;
};

/* Takes one line of the answer, len octets; log events go to the client's log. Negative for
 * a line that breaks the protocol. */
int exchange_take(struct exchange_answer *answer, const struct shell *shell, const char *line,
                  size_t len, struct err *err);

/* Asks and answers, whole. Returns the exit status. */
int exchange_run(const struct shell *shell, const struct request *request, const char *input);

#endif

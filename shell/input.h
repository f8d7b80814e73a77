/*
 * The CSR, chain or signed request on standard input, whole and bounded.
 */
#ifndef CERTMILL_SHELL_INPUT_H
#define CERTMILL_SHELL_INPUT_H

#include "common/err.h"
#include "shell/request.h"

/* Reads fd to its end into *input (malloc'd text, NULL for REQUEST_INPUT_NONE), at most
 * LIMIT_CSR_PEM, LIMIT_CHAIN_PEM or LIMIT_REVOKE_JWS octets within LIMIT_INPUT_MS, and checks it by
 * request_check_input. ERR_LIMIT, ERR_TIMEOUT, ERR_MALFORMED, -errno. */
int input_read(char **input, int fd, enum request_input kind, struct err *err);

#endif

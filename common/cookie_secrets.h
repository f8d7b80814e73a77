/*
 * The secrets of DNS cookies (RFC 7873) as the operator writes them. The supervisor judges them,
 * so that a bad file is refused as a whole; dnsd uses them (dnsd/cookie.h).
 */
#ifndef CERTMILL_COMMON_COOKIE_SECRETS_H
#define CERTMILL_COMMON_COOKIE_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

#define COOKIE_SECRET 16 /* octets, RFC 9018 4.4 */

/* The first makes cookies; all are accepted (RFC 9018 5: roll-over). */
struct cookie_secrets {
    uint8_t count;
    uint8_t key[LIMIT_COOKIE_SECRETS][COOKIE_SECRET];
};

/* Reads dns-cookie-secret-file: a secret of 32 hexadecimal digits a line; empty lines and those
 * that begin with # do not count. ERR_MALFORMED with the line and never the secret, ERR_LIMIT.
 * secrets is wiped on error. */
int cookie_secrets_parse(struct cookie_secrets *secrets, const char *text, size_t len,
                         struct err *err);

#endif

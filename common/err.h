/*
 * Errors: one enum, one string function, and one struct that carries the
 * sentence which a person will read.
 *
 * Functions return 0 (or a count) on success and a negative value on failure:
 * either -errno (-1 .. -4095) or an enum err_code (-10000 and below).
 */
#ifndef CERTMILL_COMMON_ERR_H
#define CERTMILL_COMMON_ERR_H

#include <stddef.h>

#include "common/limits.h"

enum err_code {
    ERR_MALFORMED = -10000,   /* input that does not parse */
    ERR_LIMIT = -10001,       /* a bound of common/limits.h is exceeded */
    ERR_RANGE = -10002,       /* a value outside its permitted range */
    ERR_UNKNOWN = -10003,     /* a key, word or message type nobody knows */
    ERR_NOT_FOUND = -10004,   /* what was asked for is not there */
    ERR_EXISTS = -10005,      /* already there, and must not be */
    ERR_VERSION = -10006,     /* made by another version of certmill */
    ERR_CORRUPT = -10007,     /* stored or shared data that fails validation */
    ERR_POLICY = -10008,      /* refused by our own rules */
    ERR_CA = -10009,          /* the CA answered with a problem */
    ERR_UNAVAILABLE = -10010, /* a peer (CA, signer, dnsd, server) is not there */
    ERR_TIMEOUT = -10011,     /* a peer did not answer in time */
    ERR_CANCELLED = -10012,   /* ended from our side, for example at shutdown */
    ERR_CRYPTO = -10013,      /* OpenSSL or ldns reported a failure */
    ERR_PERMISSION = -10014,  /* a file or socket that others may read or reach */
    ERR_PROTOCOL = -10015,    /* a peer broke the protocol we speak with it */
    ERR_BUSY = -10016,        /* the resource is held by another */
    ERR_INTERNAL = -10017,    /* cannot happen; a bug of ours */
    ERR_LATER = -10018,       /* a limit, of a CA or ours; err says when it is over */
};

/* A failure and the sentence for a person: what failed, where, what to do.
 * Zero-initialised (`struct err err = {0}`) means no error. */
struct err {
    int code;
    char text[LIMIT_ERROR_TEXT];
};

/* Short English for a code of either kind; never NULL; static storage. */
const char *err_string(int code);

/* Sets *err (ignored where err is NULL) and returns code, so that callers can
 * write `return err_set(err, ERR_MALFORMED, "...")`. Truncates silently. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the text that err holds, for context on the way up;
 * where err has no text, err_string(err->code) stands in. Returns err->code. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

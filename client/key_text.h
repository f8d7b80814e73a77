/*
 * Finds the private key in a file that people and programs have had their hands on.
 */
#ifndef CERTMILL_CLIENT_KEY_TEXT_H
#define CERTMILL_CLIENT_KEY_TEXT_H

#include <stddef.h>

#include "common/err.h"

/* A PEM block, from its BEGIN line to the end of its END line; points into the text. */
struct key_text {
    const char *start;
    size_t len; /* at least 1 */
};

/* The one block of len octets whose label is that of a private key (RFC 7468 10 and 11, and the
 * older "RSA PRIVATE KEY" and "EC PRIVATE KEY"). ERR_MALFORMED, and err says what is there in its
 * place: nothing, DER, a public key, a certificate, several keys, half a key. ERR_LIMIT over
 * KEY_FILE_MAX. */
int key_text_find(struct key_text *out, const char *text, size_t len, struct err *err);

#endif

/*
 * Keys of certificates: made once, kept over renewals.
 */
#ifndef CERTMILL_CLIENT_KEY_H
#define CERTMILL_CLIENT_KEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/files.h"
#include "common/err.h"

/* Octets of a key file: RSA 4096 as PKCS#8 PEM has 3.3 KiB, with room for text around it. */
#define KEY_FILE_MAX (64u << 10)

struct key {
    EVP_PKEY *pkey;
    char *pem; /* as the file has it */
    size_t len;
};

/* A new key: RSA 4096 or ECDSA P-384. */
int key_make(struct key *out, enum key_type type, struct err *err);

/* Reads a key of that type out of len octets of PEM, which are copied: RSA of 2048 to 4096
 * bits, ECDSA on P-256 or P-384. ERR_MALFORMED, ERR_RANGE (another type or size). A key under
 * a pass phrase is refused, never asked for. */
int key_parse(struct key *out, const char *pem, size_t len, enum key_type type, struct err *err);

/* Wipes and frees. */
void key_clear(struct key *key);

#endif

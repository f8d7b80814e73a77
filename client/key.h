/*
 * Keys of certificates: made once, kept over renewals.
 */
#ifndef CERTMILL_CLIENT_KEY_H
#define CERTMILL_CLIENT_KEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/files.h"
#include "common/err.h"

/* Octets of a key file: RSA 4096 as PKCS#8 PEM has 3.3 KiB, with room for text around it. */
#define KEY_FILE_MAX (64u << 10)

struct key {
    EVP_PKEY *pkey;
    char *pem; /* the key's own PEM block, as the file has it; ends in a newline */
    size_t len;
    mode_t mode_was; /* of its file where that was not as it should be; 0: nothing to say */
    bool made;       /* by keyfile_open, for there was none */
};

/* A new key as form says. */
int key_make(struct key *out, enum key_type type, const struct key_form *form, struct err *err);

/* Reads the one key of that type out of len octets of PEM (RFC 7468): RSA of 2048 to 4096 bits,
 * ECDSA on P-256 or P-384, in any of the forms that OpenSSL writes. Certificates, parameters and
 * text beside it are passed over. ERR_MALFORMED, ERR_RANGE (another type or size); err says
 * what is there in its place, and what to do. A key under a pass phrase is refused, never asked
 * for. */
int key_parse(struct key *out, const char *pem, size_t len, enum key_type type, struct err *err);

/* Wipes and frees. */
void key_clear(struct key *key);

#endif

/*
 * Public keys as JSON Web Keys in their canonical form (RFC 7517, RFC 7638), and the algorithms
 * that they sign by in ACME: ES256, ES384 and RS256 (RFC 7518 3.1). A library of its own, cm_jwk:
 * not every program has OpenSSL.
 */
#ifndef CERTMILL_COMMON_JWK_H
#define CERTMILL_COMMON_JWK_H

#include <openssl/evp.h>
#include <stddef.h>

#include "common/err.h"

struct jwk_algorithm {
    const char *alg;
    const char *type;   /* OpenSSL's name of the key type */
    const char *group;  /* OpenSSL's name of the curve, NULL for RSA */
    const char *crv;    /* RFC 7518 6.2.1.1 */
    const char *digest; /* OpenSSL's name */
    size_t coordinate;  /* octets of r, s, x and y; 0 for RSA */
};

/* NULL for a key of another kind than those above. */
const struct jwk_algorithm *jwk_algorithm_of(EVP_PKEY *key);

/* The public key as canonical JSON: members in order, no white space. malloc'd.
 * ERR_RANGE for a key of another kind than those above. */
int jwk_of(EVP_PKEY *key, char **jwk, struct err *err);

#endif

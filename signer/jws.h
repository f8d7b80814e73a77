/*
 * JSON Web Signatures as ACME wants them: flattened JSON (RFC 7515 7.2.2) with a
 * protected header of alg, jwk or kid, nonce and url (RFC 8555 6.2), ES256, ES384
 * and RS256 (RFC 7518 3.1); the thumbprint of a JWK (RFC 7638).
 */
#ifndef CERTMILL_SIGNER_JWS_H
#define CERTMILL_SIGNER_JWS_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* base64url of a SHA-256, and a NUL */
#define JWS_THUMBPRINT 44

struct jws_header {
    const char *url;
    const char *nonce; /* "" leaves the member out */
    const char *kid;   /* "" : the key itself, as jwk */
};

/* Thumbprint of a canonical JWK. */
int jws_thumbprint(const char *jwk, char dst[static JWS_THUMBPRINT], struct err *err);

/* Signs `signing_input` bytes: raw r||s for ECDSA, PKCS#1 v1.5 for RSA. *signature is
 * malloc'd. */
int jws_signature(EVP_PKEY *key, const uint8_t *input, size_t len, uint8_t **signature,
                  size_t *signature_len, struct err *err);

/* The flattened JWS over payload (may be of length 0, RFC 8555 6.3), malloc'd with a NUL.
 * jwk: what jwk_of gave for key. */
int jws_make(EVP_PKEY *key, const char *jwk, const struct jws_header *header,
             const uint8_t *payload, size_t payload_len, char **out, struct err *err);

/* A key for HS256, HS384 or HS512 (RFC 7518 3.2). */
struct jws_mac {
    const char *algorithm;
    const char *kid;
    const uint8_t *key;
    size_t key_len;
};

/* An external account binding (RFC 8555 7.3.4): a flattened JWS over the account's jwk, with alg,
 * kid and url in its header, and no nonce; malloc'd. ERR_UNKNOWN for another algorithm. */
int jws_make_mac(const struct jws_mac *mac, const char *url, const char *jwk, char **out,
                 struct err *err);

#endif

/*
 * Revocation that the certificate's own key signs (RFC 8555 7.6), which needs no account at the CA:
 * what is to be signed, and what has been. The private key is the client's and stays there.
 */
#ifndef CERTMILL_ISSUER_REVOKE_JWS_H
#define CERTMILL_ISSUER_REVOKE_JWS_H

#include <stddef.h>

#include "common/err.h"

/* {"protected":BASE64URL,"payload":BASE64URL} and LF for the first certificate of a PEM chain,
 * malloc'd; the signature is to be over PROTECTED.PAYLOAD (RFC 7515 5.1). ERR_RANGE for a key that
 * signs by none of ES256, ES384, RS256. */
int revoke_jws_make(char **out, const char *pem, int reason, const char *nonce, const char *url,
                    struct err *err);

/* Strings are owned. */
struct revoke_jws {
    char *text; /* the flattened JWS, nothing else in it */
    char *url;  /* that it is signed for */
    char *pem;  /* the certificate */
    int reason; /* one that revoke_reason_parse takes */
};

/* A flattened JWS of revoke_jws_make's form. Whose the certificate and the URL are is the caller's
 * to ask. ERR_LIMIT past LIMIT_REVOKE_JWS; ERR_MALFORMED, ERR_RANGE: of another form, or by another
 * key than it says; ERR_POLICY: the signature is not by the certificate's key. On error nothing is
 * to be cleared. */
int revoke_jws_check(struct revoke_jws *out, const char *input, size_t len, struct err *err);
void revoke_jws_clear(struct revoke_jws *jws);

#endif

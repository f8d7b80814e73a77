/*
 * OCSP responses (RFC 6960): whether one is a good answer about a certificate, without I/O.
 * Apart from the rest of common: the library cm_ocsp, which needs OpenSSL.
 */
#ifndef CERTMILL_COMMON_OCSP_RESPONSE_H
#define CERTMILL_COMMON_OCSP_RESPONSE_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* What a good answer says; Unix seconds. */
struct ocsp_verdict {
    int64_t this_update;
    int64_t next_update; /* 0: it does not say, newer information is to be had at any time */
    int64_t revoked;     /* since when; 0: it is not */
    int reason;          /* RFC 5280 5.3.1; 0 also where it does not say */
};

/* Judges an answer of der_len octets about a certificate as RFC 6960 3.2 wants it: about this
 * certificate, signed (not with SHA-1 or MD5) by its issuer or by whom the issuer has made a
 * responder, of a time that fits now (LIMIT_OCSP_SKEW). ERR_PROTOCOL: no such answer;
 * ERR_UNAVAILABLE: the responder asks to come again later; ERR_CA: it does not know the
 * certificate. */
int ocsp_response_check(struct ocsp_verdict *out, X509 *leaf, X509 *issuer, const uint8_t *der,
                        size_t der_len, int64_t now, struct err *err);

#endif

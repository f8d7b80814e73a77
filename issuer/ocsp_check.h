/*
 * OCSP (RFC 6960) without I/O: what is asked about a certificate, and whether an answer is one.
 */
#ifndef CERTMILL_ISSUER_OCSP_CHECK_H
#define CERTMILL_ISSUER_OCSP_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* A request for the first certificate of a PEM chain that holds its issuer as well (RFC 5019 2.1.1:
 * one certificate, by SHA-1, no nonce). *der is malloc'd. ERR_MALFORMED, ERR_NOT_FOUND (no issuer
 * in the chain), -ENOMEM. */
int ocsp_check_request(uint8_t **der, size_t *der_len, const char *chain_pem, size_t len,
                       struct err *err);

/* What a good answer says; Unix seconds. */
struct ocsp_verdict {
    int64_t this_update;
    int64_t next_update; /* 0: it does not say, newer information is to be had at any time */
    int64_t revoked;     /* since when; 0: it is not */
    int reason;          /* RFC 5280 5.3.1; 0 also where it does not say */
};

/* Judges an answer of der_len octets about the chain's first certificate as RFC 6960 3.2 wants it:
 * about this certificate, signed (not with SHA-1 or MD5) by its issuer or by whom the issuer has
 * made a responder, of a time that fits now (LIMIT_OCSP_SKEW). ERR_PROTOCOL: no such answer;
 * ERR_UNAVAILABLE: the responder asks to come again later; ERR_CA: it does not know the
 * certificate.
 */
int ocsp_check_response(struct ocsp_verdict *out, const char *chain_pem, size_t len,
                        const uint8_t *der, size_t der_len, int64_t now, struct err *err);

#endif

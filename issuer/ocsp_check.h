/*
 * OCSP (RFC 6960) without I/O: what is asked about a certificate, and whether an answer is one.
 */
#ifndef CERTMILL_ISSUER_OCSP_CHECK_H
#define CERTMILL_ISSUER_OCSP_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/ocsp_response.h"

/* A request for the first certificate of a PEM chain that holds its issuer as well (RFC 5019 2.1.1:
 * one certificate, by SHA-1, no nonce). *der is malloc'd. ERR_MALFORMED, ERR_NOT_FOUND (no issuer
 * in the chain), -ENOMEM. */
int ocsp_check_request(uint8_t **der, size_t *der_len, const char *chain_pem, size_t len,
                       struct err *err);

/* Judges an answer of der_len octets about the chain's first certificate: common/ocsp_response.h.
 */
int ocsp_check_response(struct ocsp_verdict *out, const char *chain_pem, size_t len,
                        const uint8_t *der, size_t der_len, int64_t now, struct err *err);

#endif

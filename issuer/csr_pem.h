/*
 * The text around a CSR: exactly one PEM block (RFC 7468 3) of the right kind, decoded.
 */
#ifndef CERTMILL_ISSUER_CSR_PEM_H
#define CERTMILL_ISSUER_CSR_PEM_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Decodes the one "CERTIFICATE REQUEST" (or "NEW CERTIFICATE REQUEST") within len bytes
 * of text into *der (malloc'd, the caller frees). Text around the block is ignored, as OpenSSL
 * writes it with -text. ERR_LIMIT past LIMIT_CSR_PEM, ERR_MALFORMED with the reason for anything
 * else. */
int csr_pem_decode(uint8_t **der, size_t *der_len, const char *text, size_t len, struct err *err);

#endif

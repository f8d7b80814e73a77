/*
 * The CSR of a set of names (RFC 2986).
 */
#ifndef CERTMILL_CLIENT_CSR_H
#define CERTMILL_CLIENT_CSR_H

#include <openssl/types.h>
#include <stddef.h>

#include "common/err.h"

/* Makes the CSR as PEM text (malloc'd): CN the first name (left out where it is longer than the
 * 64 characters that a CN holds, RFC 5280 A.1), SAN all count of them. ERR_CRYPTO, -ENOMEM. */
int csr_make(char **pem, size_t *len, EVP_PKEY *key, char *const *names, size_t count,
             struct err *err);

#endif

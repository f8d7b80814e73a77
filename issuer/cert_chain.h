/*
 * The chain of issuer/cert.h as OpenSSL's objects, for the files that look further into it.
 */
#ifndef CERTMILL_ISSUER_CERT_CHAIN_H
#define CERTMILL_ISSUER_CERT_CHAIN_H

#include <stddef.h>

#include <openssl/x509.h>

#include "common/err.h"

/* As cert_parse; 1 to LIMIT_CHAIN certificates, leaf first. cert_chain_free frees. */
int cert_chain_read(STACK_OF(X509) * *out, const char *pem, size_t len, struct err *err);
void cert_chain_free(STACK_OF(X509) * chain);

#endif

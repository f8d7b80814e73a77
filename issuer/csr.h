/*
 * A client's CSR (RFC 2986), parsed and judged before any word to a CA.
 */
#ifndef CERTMILL_ISSUER_CSR_H
#define CERTMILL_ISSUER_CSR_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct csr {
    char **names; /* normal form (common/domainset.h), sorted, without doubles */
    size_t count;
    uint8_t *der;
    size_t der_len;
    char key_type[16];    /* "rsa-2048", "ecdsa-p256" ... */
    char spki_sha256[65]; /* lower-case hex, for the audit log */
    /* Digest of the extensions that it asks for besides the names (RFC 2985 5.4.2: must-staple, key
     * usages...), in whatever order; lower-case hex. */
    char extensions_sha256[65];
};

/* Parses exactly one PEM CSR of len bytes. Proves: its signature, not with MD5 or SHA-1; key RSA
 * 2048 to 4096, P-256 or P-384; CN absent or among the SANs; SANs all DNS names, 1 to LIMIT_NAMES.
 * No SAN at all is refused. ERR_MALFORMED, ERR_LIMIT, ERR_RANGE, ERR_POLICY; err says what is wrong
 * with it and what is permitted, in one line. */
int csr_parse(struct csr *out, const char *pem, size_t len, struct err *err);
void csr_clear(struct csr *csr);

/* The spki_sha256 of a request in DER that csr_parse took before. ERR_MALFORMED. */
int csr_spki(char dst[static 65], const uint8_t *der, size_t len);
/* Its extensions_sha256. ERR_MALFORMED, -ENOMEM. */
int csr_extensions(char dst[static 65], const uint8_t *der, size_t len);

/* For people: subject, names, key, signature; text malloc'd. */
int csr_describe(const char *pem, size_t len, char **text, struct err *err);

#endif

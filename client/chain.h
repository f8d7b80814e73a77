/*
 * A certificate and its issuers as the server hands them over: parsed strictly, and
 * proved to be what was asked for before any file is touched.
 */
#ifndef CERTMILL_CLIENT_CHAIN_H
#define CERTMILL_CLIENT_CHAIN_H

#include <jansson.h>
#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

#define CHAIN_SKEW_S 3600 /* so much may another's clock be ahead of ours */

#define CHAIN_MAX 10 /* certificates; the most that LIMIT_CHAIN_PEM is made for */

struct chain {
    X509 *certs[CHAIN_MAX]; /* leaf first */
    size_t count;
};

/* Reads len octets of PEM (RFC 7468): one or more certificates, and nothing but white space
 * around them. ERR_MALFORMED, ERR_LIMIT. chain_clear frees. */
int chain_parse(struct chain *out, const char *pem, size_t len, struct err *err);
void chain_clear(struct chain *chain);

struct chain_wish {
    EVP_PKEY *key;
    char *const *names; /* normal form */
    size_t count;
    size_t length; /* certificates in the chain; 0: any */
    int64_t now;   /* seconds since 1970 */
};

/* Proves: key and names of the leaf are those wished for, each certificate is signed by the next,
 * which is a CA's, and none is out of its time (an hour of skew is forgiven at the
 * beginning). ERR_CORRUPT, and err says which certificate and what is wrong. Whom the
 * last one is signed by is not looked at: the server is whom we trust. */
int chain_check(const struct chain *chain, const struct chain_wish *wish, struct err *err);

/* Parts of chain_check: that the DNS names of a certificate are those wished for, all and no
 * others; that the certificate at i of a chain is signed by the one behind it. */
int chain_check_names(const X509 *leaf, const struct chain_wish *wish, struct err *err);
int chain_check_link(const struct chain *chain, size_t i, struct err *err);

/* Certificates first to count - 1 as PEM, malloc'd. -ENOMEM, ERR_CRYPTO. */
int chain_pem(const struct chain *chain, size_t first, size_t count, char **pem, size_t *len,
              struct err *err);

/* notBefore and notAfter of a certificate, seconds since 1970; -1 where that is unreadable. */
int64_t chain_not_before(const X509 *cert);
int64_t chain_not_after(const X509 *cert);

/* For programs, what chain_describe prints: an object with "subject", "names", "issuer",
 * "not_before", "not_after" (RFC 3339, UTC), "days_left" (whole ones; negative once it is
 * over), "expired", "key" ("RSA 4096", "ECDSA P-384"), "serial" and "sha256" (both hex). NULL: out
 * of memory. */
json_t *chain_item(const X509 *cert, int64_t now);

/* For people, with times in the zone of who reads it: subject, names, issuer, validity, serial,
 * fingerprint of a certificate. */
int chain_describe(const X509 *cert, int64_t now, FILE *out);

#endif

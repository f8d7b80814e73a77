/*
 * Signed requests to revoke (docs/protocol.md), good and bad.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_PROOFS_H
#define CERTMILL_TESTS_UNIT_ISSUER_PROOFS_H

#include <time.h>

#include "tests/unit/issuer/small_ca.h"

struct proof_spec {
    const char *head, *serial, *reason, *pem;
    int64_t at;
    EVP_PKEY *key;
    const char *signed_instead; /* NULL: the four lines */
};

/* "www.a.example" of the small CA, with its own key. */
static inline struct proof_spec proof_good(const struct small_ca *ca)
{
    return (struct proof_spec){.head = "certmill revoke",
                               .serial = "1A2B3C",
                               .reason = "superseded",
                               .pem = ca->chain,
                               .at = ca->now,
                               .key = ca->leaf_key};
}

/* malloc'd. */
static inline char *proof_make(const struct proof_spec *spec)
{
    time_t at = (time_t)spec->at;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *lines, when[32], *text;
    uint8_t signature[512];
    char encoded[1024];
    size_t len = sizeof signature;
    struct tm tm;

    gmtime_r(&at, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    CU_ASSERT_FATAL(asprintf(&lines, "%s\nserial: %s\nreason: %s\ntime: %s\n", spec->head,
                             spec->serial, spec->reason, when) > 0);
    const char *data = spec->signed_instead != NULL ? spec->signed_instead : lines;
    CU_ASSERT_EQUAL_FATAL(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, spec->key), 1);
    CU_ASSERT_EQUAL_FATAL(
        EVP_DigestSign(ctx, signature, &len, (const unsigned char *)data, strlen(data)), 1);
    EVP_EncodeBlock((unsigned char *)encoded, signature, (int)len);
    CU_ASSERT_FATAL(asprintf(&text, "%ssignature: %s\n%s", lines, encoded, spec->pem) > 0);
    EVP_MD_CTX_free(ctx);
    free(lines);
    return text;
}

#endif

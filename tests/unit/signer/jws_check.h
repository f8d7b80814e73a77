/*
 * Verifies a flattened JWS as a CA does.
 */
#ifndef CERTMILL_TESTS_JWS_CHECK_H
#define CERTMILL_TESTS_JWS_CHECK_H

#include <jansson.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"

/* r||s to DER; the length. */
static size_t check_to_der(const uint8_t *raw, size_t len, uint8_t *der)
{
    uint8_t *end = der;
    ECDSA_SIG *sig = ECDSA_SIG_new();

    ECDSA_SIG_set0(sig, BN_bin2bn(raw, (int)len / 2, NULL),
                   BN_bin2bn(raw + len / 2, (int)len / 2, NULL));
    int n = i2d_ECDSA_SIG(sig, &end);
    ECDSA_SIG_free(sig);
    return n < 0 ? 0 : (size_t)n;
}

static inline bool check_signature(EVP_PKEY *key, const char *digest, const char *input,
                                   const char *signature)
{
    uint8_t raw[1024], der[1024];
    int len = base64url_decode(raw, sizeof(raw), signature, strlen(signature));
    const uint8_t *sig = raw;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (len > 0 && EVP_PKEY_is_a(key, "EC") == 1) {
        if (len != (EVP_PKEY_get_bits(key) + 7) / 8 * 2) {
            EVP_MD_CTX_free(ctx);
            return false;
        }
        len = (int)check_to_der(raw, (size_t)len, der);
        sig = der;
    }
    bool ok = len > 0 && EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(ctx, sig, (size_t)len, (const uint8_t *)input, strlen(input)) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The protected header where jws is well-formed and its signature holds, else NULL;
 * *payload (malloc'd) is what was signed. */
static inline json_t *check_jws(EVP_PKEY *key, const char *digest, const char *jws, char **payload)
{
    json_t *outer = json_loads(jws, JSON_REJECT_DUPLICATES, NULL), *header = NULL;
    const char *p = json_string_value(json_object_get(outer, "protected"));
    const char *b = json_string_value(json_object_get(outer, "payload"));
    const char *s = json_string_value(json_object_get(outer, "signature"));

    *payload = NULL;
    if (json_object_size(outer) != 3 || p == NULL || b == NULL || s == NULL) {
        json_decref(outer);
        return NULL;
    }
    char *input = malloc(strlen(p) + strlen(b) + 2);
    sprintf(input, "%s.%s", p, b);
    if (check_signature(key, digest, input, s)) {
        char *text = calloc(1, strlen(p) + 1);
        *payload = calloc(1, strlen(b) + 1);
        base64url_decode((uint8_t *)text, strlen(p), p, strlen(p));
        base64url_decode((uint8_t *)*payload, strlen(b) + 1, b, strlen(b));
        header = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        free(text);
    }
    free(input);
    json_decref(outer);
    return header;
}

#endif

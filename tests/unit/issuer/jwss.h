/*
 * Requests to revoke as the certificate's own key signs them (RFC 8555 7.6), good and bad.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_JWSS_H
#define CERTMILL_TESTS_UNIT_ISSUER_JWSS_H

#include <jansson.h>

#include "common/encode.h"
#include "issuer/revoke_jws.h"
#include "signer/jws.h"
#include "tests/unit/issuer/small_ca.h"

#define JWSS_URL "https://ca.example/revoke-cert"

static inline char *jwss_encode(const char *text)
{
    char *out = malloc(BASE64URL_LEN(strlen(text)) + 1);

    (void)base64url_encode(out, (const uint8_t *)text, strlen(text));
    return out;
}

static inline char *jwss_decode(const char *text)
{
    char *out = calloc(1, strlen(text) + 1);

    CU_ASSERT_FATAL(base64url_decode((uint8_t *)out, strlen(text), text, strlen(text)) > 0);
    return out;
}

/* Two base64url parts, signed by key. malloc'd. */
static inline char *jwss_sign(const char *head, const char *payload, EVP_PKEY *key)
{
    uint8_t *raw = NULL;
    size_t len = 0;
    char *input, *signature, *out;
    struct err err = {0};

    CU_ASSERT_FATAL(asprintf(&input, "%s.%s", head, payload) > 0);
    CU_ASSERT_EQUAL_FATAL(
        jws_signature(key, (const uint8_t *)input, strlen(input), &raw, &len, &err), 0);
    signature = malloc(BASE64URL_LEN(len) + 1);
    (void)base64url_encode(signature, raw, len);
    CU_ASSERT_FATAL(asprintf(&out,
                             "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}\n",
                             head, payload, signature) > 0);
    free(signature);
    free(raw);
    free(input);
    return out;
}

/* Likewise, of JSON in clear. */
static inline char *jwss_sign_clear(const char *head, const char *payload, EVP_PKEY *key)
{
    char *one = jwss_encode(head), *two = jwss_encode(payload);
    char *out = jwss_sign(one, two, key);

    free(one);
    free(two);
    return out;
}

/* The parts that revoke_jws_make gives for a chain, in clear; malloc'd. */
static inline void jwss_parts(const char *pem, int reason, char **head, char **payload)
{
    struct err err = {0};
    char *text = NULL;

    CU_ASSERT_EQUAL_FATAL(revoke_jws_make(&text, pem, reason, "n-1", JWSS_URL, &err), 0);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_EQUAL_FATAL(json_object_size(json), 2);
    *head = jwss_decode(json_string_value(json_object_get(json, "protected")));
    *payload = jwss_decode(json_string_value(json_object_get(json, "payload")));
    json_decref(json);
    free(text);
}

#endif

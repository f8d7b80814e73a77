#include <CUnit/Basic.h>
#include <stdlib.h>

#include "common/jwk.h"
#include "jws_check.h"
#include "keys_of_rfc.h"
#include "signer/jws.h"

static const uint8_t *bytes(const char *s)
{
    return (const uint8_t *)s;
}

/* PKCS#1 v1.5 is deterministic, so the RFC's signature has to come out. */
static void test_rfc7515_a2(void)
{
    EVP_PKEY *key = rfc_rsa(RFC7515_A2_N, "AQAB", RFC7515_A2_D);
    struct err err = {0};
    uint8_t *sig;
    size_t len;
    char text[BASE64URL_LEN(512) + 1];

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL_FATAL(
        jws_signature(key, bytes(RFC7515_A2_INPUT), strlen(RFC7515_A2_INPUT), &sig, &len, &err), 0);
    base64url_encode(text, sig, len);
    CU_ASSERT_STRING_EQUAL(text, RFC7515_A2_SIGNATURE);
    free(sig);
    EVP_PKEY_free(key);
}

/* ECDSA is not: the RFC's signature verifies by what verifies ours. */
static void test_rfc7515_a3(void)
{
    EVP_PKEY *key = rfc_p256(RFC7515_A3_X, RFC7515_A3_Y, RFC7515_A3_D);
    struct err err = {0};
    uint8_t *sig;
    size_t len;
    char *jwk, text[BASE64URL_LEN(512) + 1];

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_TRUE(check_signature(key, "SHA256", RFC7515_A3_INPUT, RFC7515_A3_SIGNATURE));
    for (int i = 0; i < 300; i++) { /* some r or s begin with a zero octet */
        CU_ASSERT_EQUAL_FATAL(
            jws_signature(key, bytes(RFC7515_A3_INPUT), strlen(RFC7515_A3_INPUT), &sig, &len, &err),
            0);
        CU_ASSERT_EQUAL(len, 64);
        base64url_encode(text, sig, len);
        CU_ASSERT_TRUE(check_signature(key, "SHA256", RFC7515_A3_INPUT, text));
        free(sig);
    }
    CU_ASSERT_EQUAL_FATAL(jwk_of(key, &jwk, &err), 0);
    CU_ASSERT_STRING_EQUAL(jwk, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" RFC7515_A3_X
                                "\",\"y\":\"" RFC7515_A3_Y "\"}");
    free(jwk);
    EVP_PKEY_free(key);
}

static void test_rfc7638(void)
{
    EVP_PKEY *key = rfc_rsa(RFC7638_N, "AQAB", NULL);
    struct err err = {0};
    char *jwk, thumbprint[JWS_THUMBPRINT];

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL_FATAL(jwk_of(key, &jwk, &err), 0);
    CU_ASSERT_STRING_EQUAL(jwk, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}");
    CU_ASSERT_EQUAL(jws_thumbprint(jwk, thumbprint, &err), 0);
    CU_ASSERT_STRING_EQUAL(thumbprint, RFC7638_THUMBPRINT);
    free(jwk);
    EVP_PKEY_free(key);
}

static void check_made(EVP_PKEY *key, const char *alg, const char *digest)
{
    struct jws_header header = {"https://ca.example/new-order", "MTIzNA-_", ""};
    struct err err = {0};
    char *jwk, *jws, *payload;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL_FATAL(jwk_of(key, &jwk, &err), 0);
    CU_ASSERT_EQUAL_FATAL(jws_make(key, jwk, &header, bytes("{\"a\":1}"), 7, &jws, &err), 0);
    json_t *h = check_jws(key, digest, jws, &payload);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    CU_ASSERT_STRING_EQUAL(payload, "{\"a\":1}");
    CU_ASSERT_EQUAL(json_object_size(h), 4);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(h, "alg")), alg);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(h, "url")), header.url);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(h, "nonce")), header.nonce);
    json_t *expected = json_loads(jwk, 0, NULL);
    CU_ASSERT_TRUE(json_equal(json_object_get(h, "jwk"), expected));
    json_decref(expected);
    json_decref(h);
    free(payload);
    free(jws);

    header.kid = "https://ca.example/acct/1";
    CU_ASSERT_EQUAL_FATAL(jws_make(key, jwk, &header, bytes(""), 0, &jws, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(jws, "\"payload\":\"\""));
    h = check_jws(key, digest, jws, &payload);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(h, "kid")), header.kid);
    CU_ASSERT_PTR_NULL(json_object_get(h, "jwk"));
    json_decref(h);
    free(payload);
    free(jws);
    free(jwk);
    EVP_PKEY_free(key);
}

static void test_make(void)
{
    check_made(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), "ES256", "SHA256");
    check_made(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), "ES384", "SHA384");
    check_made(rfc_rsa(RFC7515_A2_N, "AQAB", RFC7515_A2_D), "RS256", "SHA256");
}

static void test_refused(void)
{
    const struct jws_header header = {"https://ca.example/\xff", "", ""};
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EVP_PKEY *p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
    EVP_PKEY *p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    struct err err = {0};
    char *jwk, *jws;

    CU_ASSERT_EQUAL(jwk_of(ed, &jwk, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(jwk_of(p521, &jwk, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(jws_make(p521, "{}", &header, bytes(""), 0, &jws, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(jws_make(p256, "{}", &header, bytes(""), 0, &jws, &err), ERR_MALFORMED);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(p256);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("jws", NULL, NULL);
    CU_add_test(suite, "RFC 7515 A.2: RS256", test_rfc7515_a2);
    CU_add_test(suite, "RFC 7515 A.3: ES256", test_rfc7515_a3);
    CU_add_test(suite, "RFC 7638 3.1: thumbprint", test_rfc7638);
    CU_add_test(suite, "flattened JWS of each algorithm", test_make);
    CU_add_test(suite, "other keys and broken text are refused", test_refused);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

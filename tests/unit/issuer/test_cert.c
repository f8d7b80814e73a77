#include "issuer/cert.h"

#include <CUnit/Basic.h>

#include "common/limits.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/csrs.h"

static void refused(const char *pem, size_t len, int code, const char *words)
{
    struct err err = {0};
    struct cert cert;

    CU_ASSERT_EQUAL(cert_parse(&cert, pem, len, &err), code);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_PTR_NULL(cert.serial);
}

static void test_one(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = cert_for(key, "www.Example.org", "http://ocsp.example/");
    struct err err = {0};
    struct cert cert;

    CU_ASSERT_EQUAL_FATAL(cert_parse(&cert, pem, strlen(pem), &err), 0);
    CU_ASSERT_STRING_EQUAL(cert.serial, "1a2b3c");
    CU_ASSERT_STRING_EQUAL(cert.names, "www.example.org");
    CU_ASSERT_STRING_EQUAL(cert.issuer, "CN=Test\\, CA");
    CU_ASSERT_EQUAL(cert.not_before, 1700000000);
    CU_ASSERT_EQUAL(cert.not_after, 1800000000);
    CU_ASSERT_STRING_EQUAL(cert.ocsp_url, "http://ocsp.example/");
    CU_ASSERT_EQUAL(cert.count, 1);
    CU_ASSERT_EQUAL(strlen(cert.spki_sha256), 64);
    cert_clear(&cert);
    cert_clear(&cert);
    free(pem);
    EVP_PKEY_free(key);
}

static void test_chain(void)
{
    EVP_PKEY *key = key_ec("P-256"), *other = key_ec("P-384");
    char *leaf = cert_for(key, "a.example", NULL), *issuer = cert_for(other, "b.example", NULL);
    char *pem, *text = NULL;
    struct err err = {0};
    struct cert cert;

    CU_ASSERT_FATAL(asprintf(&pem, "\n%s\n\n%s", leaf, issuer) > 0);
    CU_ASSERT_EQUAL_FATAL(cert_parse(&cert, pem, strlen(pem), &err), 0);
    CU_ASSERT_EQUAL(cert.count, 2);
    CU_ASSERT_STRING_EQUAL(cert.names, "a.example");
    CU_ASSERT_PTR_NULL(cert.ocsp_url);
    cert_clear(&cert);
    CU_ASSERT_EQUAL_FATAL(cert_describe(pem, strlen(pem), &text, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "a.example"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "b.example"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not after:  2027-01-15T08:00:00Z"));
    free(text);
    free(pem);
    free(leaf);
    free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void test_refused(void)
{
    static const char key[] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    static const char damaged[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char cut[] = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    size_t len = LIMIT_CHAIN_PEM + 1;
    char *huge = malloc(len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(huge);
    memset(huge, 'x', len);
    refused("", 0, ERR_MALFORMED, "empty");
    refused("\0", 1, ERR_MALFORMED, "binary");
    refused("hello", 5, ERR_MALFORMED, "begins a CERTIFICATE");
    refused(key, sizeof key - 1, ERR_MALFORMED, "not a certificate");
    refused(damaged, sizeof damaged - 1, ERR_MALFORMED, "certificate 1 of the chain");
    refused(cut, sizeof cut - 1, ERR_MALFORMED, "certificate 1 of the chain");
    refused(huge, len, ERR_LIMIT, "bytes");
    free(huge);
}

static void test_too_long_a_chain(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *one = cert_for(key, "a.example", NULL);
    size_t len = strlen(one), count = LIMIT_CHAIN + 1;
    char *pem = malloc(len * count);
    struct err err = {0};
    struct cert cert;

    CU_ASSERT_PTR_NOT_NULL_FATAL(pem);
    for (size_t i = 0; i < count; i++)
        memcpy(pem + i * len, one, len);
    refused(pem, len * count, ERR_LIMIT, "more than 10");
    CU_ASSERT_EQUAL(cert_parse(&cert, pem, len * (count - 1), &err), 0);
    CU_ASSERT_EQUAL(cert.count, LIMIT_CHAIN);
    cert_clear(&cert);
    free(pem);
    free(one);
    EVP_PKEY_free(key);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"one", test_one},
        {"chain", test_chain},
        {"refused", test_refused},
        {"too long a chain", test_too_long_a_chain},
    };
    return RUN("cert", tests);
}

/* Renewal information (RFC 9773): a certificate's identifier, and what a CA's answer says. */
#include "issuer/renewal.h"

#include <CUnit/Basic.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/csrs.h"

#define NOW 1700000000

/* RFC 9773, appendix A. */
static const char rfc[] = "-----BEGIN CERTIFICATE-----\n"
                          "MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt\n"
                          "cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS\n"
                          "BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu\n"
                          "7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf\n"
                          "qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B\n"
                          "yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb\n"
                          "+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK\n"
                          "-----END CERTIFICATE-----\n";

/* RFC 9773 4.1: the serial's leading zero octet belongs to it. */
static void test_id(void)
{
    char id[LIMIT_CERT_ID];
    struct err err = {0};

    CU_ASSERT_EQUAL(renewal_cert_id(id, rfc, sizeof rfc - 1, &err), 0);
    CU_ASSERT_STRING_EQUAL(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
}

/* A certificate with a key identifier and a serial of so many octets. */
static char *with_id(size_t aki_len, size_t serial_len)
{
    EVP_PKEY *key = key_ec("P-256");
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
    BIGNUM *serial = BN_new();
    uint8_t octets[64];
    char *data, *pem;

    memset(octets, 0x55, sizeof octets);
    BN_bin2bn(octets, (int)serial_len, serial);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert));
    ASN1_TIME_set(X509_getm_notBefore(cert), NOW);
    ASN1_TIME_set(X509_getm_notAfter(cert), NOW + 1);
    X509_set_pubkey(cert, key);
    X509_set_version(cert, X509_VERSION_3);
    aki->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(aki->keyid, octets, (int)aki_len);
    X509_add1_ext_i2d(cert, NID_authority_key_identifier, aki, 0, 0);
    CU_ASSERT_FATAL(X509_sign(cert, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, cert);
    long len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t)len);
    BN_free(serial);
    AUTHORITY_KEYID_free(aki);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return pem;
}

static int id_of(size_t aki_len, size_t serial_len, const char *words)
{
    char id[LIMIT_CERT_ID], *pem = with_id(aki_len, serial_len);
    struct err err = {0};
    int ret = renewal_cert_id(id, pem, strlen(pem), &err);

    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_EQUAL(ret == 0, id[0] != '\0');
    free(pem);
    return ret;
}

static void test_id_refused(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char id[LIMIT_CERT_ID], *pem = cert_for(key, "a.example", NULL);
    struct err err = {0};

    CU_ASSERT_EQUAL(renewal_cert_id(id, pem, strlen(pem), &err), ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(id, "");
    CU_ASSERT_EQUAL(renewal_cert_id(id, "x", 1, &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(id_of(46, 46, ""), 0);
    CU_ASSERT_EQUAL(id_of(0, 20, "no authority key"), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(id_of(47, 20, "key identifier has more than"), ERR_LIMIT);
    CU_ASSERT_EQUAL(id_of(20, 47, "serial number has more than"), ERR_LIMIT);
    free(pem);
    EVP_PKEY_free(key);
}

static int parse(struct renewal_window *out, const char *start, const char *end)
{
    char body[512];
    struct err err = {0};
    int n = snprintf(body, sizeof body, "{\"suggestedWindow\":{\"start\":\"%s\",\"end\":\"%s\"}}",
                     start, end);

    return renewal_parse(out, body, (size_t)n, NOW, -1, &err);
}

/* RFC 9773 4.2's own example, with what else an answer may hold. */
static void test_answer(void)
{
    static const char body[] =
        "{\"suggestedWindow\": {\"start\": \"2025-01-02T04:00:00Z\", \"end\": "
        "\"2025-01-03T04:00:00Z\", \"more\": 1}, \"explanationURL\": "
        "\"https://acme.example.com/docs/ari\", \"other\": []}";
    struct renewal_window window;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(renewal_parse(&window, body, sizeof body - 1, NOW, 7200000, &err), 0);
    CU_ASSERT_EQUAL(window.start, 1735790400);
    CU_ASSERT_EQUAL(window.end, 1735876800);
    CU_ASSERT_EQUAL(window.checked, NOW);
    CU_ASSERT_EQUAL(window.next, NOW + 7200);
    CU_ASSERT_STRING_EQUAL(window.explanation, "https://acme.example.com/docs/ari");
}

/* RFC 9773 4.3.2: less than a minute is a minute, more than a day a day. */
static void test_wait(void)
{
    CU_ASSERT_EQUAL(renewal_wait(-1), 21600);
    CU_ASSERT_EQUAL(renewal_wait(0), 60);
    CU_ASSERT_EQUAL(renewal_wait(59999), 60);
    CU_ASSERT_EQUAL(renewal_wait(61000), 61);
    CU_ASSERT_EQUAL(renewal_wait(86400000), 86400);
    CU_ASSERT_EQUAL(renewal_wait(86401000), 86400);
    CU_ASSERT_EQUAL(renewal_wait(INT64_MAX), 86400);
}

/* RFC 3339 5.6 and 5.8. */
static void test_times(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {
        {"2025-01-02T04:00:00Z", 1735790400},
        {"2025-01-02T04:00:00.1Z", 1735790400},
        {"2025-01-02t04:00:00.123456789012345678901234567890z", 1735790400},
        {"2025-01-02 04:00:00Z", 1735790400},
        {"2025-01-02T05:30:00+01:30", 1735790400},
        {"2025-01-01T20:00:00-08:00", 1735790400},
        {"2025-01-02T04:00:00-00:00", 1735790400},
        {"1985-04-12T23:20:50.52Z", 482196050},
        {"1996-12-19T16:39:57-08:00", 851042397},
        {"1990-12-31T23:59:60Z", 662688000},
        {"1990-12-31T15:59:60-08:00", 662688000},
        {"1937-01-01T12:00:27.87+00:20", -1041337173},
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T00:00:00Z", 951782400},
        {"0001-01-01T00:00:00Z", -62135596800},
    };
    struct renewal_window window;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CU_ASSERT_EQUAL_FATAL(parse(&window, good[i].text, "9999-12-31T23:59:59Z"), 0);
        CU_ASSERT_EQUAL(window.start, good[i].seconds);
        CU_ASSERT_EQUAL(window.end, 253402300799);
    }
    CU_ASSERT_EQUAL(parse(&window, "2025-01-02T04:00:00.1Z", "2025-01-02T04:00:00.2Z"), 0);
}

static void test_bad_times(void)
{
    static const char *const bad[] = {
        "",
        "2025-01-02",
        "2025-01-02T04:00:00",
        "2025-01-02T04:00:00.Z",
        "2025-01-02T04:00:00Zz",
        "2025-01-02T04:00:00+0130",
        "2025-01-02T04:00:00+24:00",
        "2025-01-02T04:00:00+01:60",
        "2025-01-02T04:00:00+01:00 ",
        "2025-01-02T24:00:00Z",
        "2025-01-02T04:60:00Z",
        "2025-01-02T04:00:61Z",
        "2025-13-02T04:00:00Z",
        "2025-00-02T04:00:00Z",
        "2025-02-29T04:00:00Z",
        "1900-02-29T04:00:00Z",
        "2025-04-31T04:00:00Z",
        "2025-01-00T04:00:00Z",
        "0000-01-01T00:00:00Z",
        "20250-01-01T00:00:00Z",
        "-025-01-01T00:00:00Z",
        "2025-1-01T00:00:00Z",
        "2025/01/02T04:00:00Z",
        "2025-01-02X04:00:00Z",
        "2025-01-02T04-00-00Z",
        "2025-01-02T04:00:00.000000000000000000000000000000000000000000000000000Z",
        "2025-01-03T04:00:00Z", /* as late as the end */
        "2025-01-03T04:00:00.1Z",
    };
    struct renewal_window window;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(parse(&window, bad[i], "2025-01-03T04:00:00Z"), ERR_MALFORMED);
    }
    CU_ASSERT_EQUAL(parse(&window, "2025-01-02T04:00:00Z", "soon"), ERR_MALFORMED);
}

static void test_bad_answers(void)
{
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"suggestedWindow\":1}",
        "{\"suggestedWindow\":{\"start\":1,\"end\":2}}",
        "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\"}}",
    };
    static const char foreign[] =
        "{\"suggestedWindow\":{\"start\":\"2025-01-02T04:00:00Z\",\"end\":\"2025-01-03T04:00:00Z\"}"
        ",\"explanationURL\":\"javascript:alert(1)\"}";
    struct renewal_window window;
    struct err err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(renewal_parse(&window, bad[i], strlen(bad[i]), NOW, -1, &err),
                        ERR_MALFORMED);
        CU_ASSERT_EQUAL(window.next, 0);
    }
    CU_ASSERT_EQUAL(renewal_parse(&window, foreign, sizeof foreign - 1, NOW, -1, &err), 0);
    CU_ASSERT_STRING_EQUAL(window.explanation, "");
}

int main(void)
{
    static const struct run_case tests[] = {
        {"RFC 9773 4.1: identifier", test_id},
        {"RFC 9773 4.1: no identifier", test_id_refused},
        {"RFC 9773 4.2: an answer", test_answer},
        {"RFC 9773 4.3.2: Retry-After", test_wait},
        {"RFC 3339 5.6: timestamps", test_times},
        {"RFC 3339 5.6: no timestamps", test_bad_times},
        {"RFC 9773 4.2: no answers", test_bad_answers},
    };
    return RUN("renewal_parse", tests);
}

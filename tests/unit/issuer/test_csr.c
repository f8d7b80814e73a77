#include "issuer/csr.h"

#include <CUnit/Basic.h>

#include "common/limits.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/csrs.h"

static const struct csr_name one[] = {{GEN_DNS, "www.example.org", 0}, {0}};

/* -- helpers -- */

static void refused_text(const char *text, size_t len, int code, const char *words)
{
    struct err err = {0};
    struct csr csr;

    CU_ASSERT_EQUAL(csr_parse(&csr, text, len, &err), code);
    if (strstr(err.text, words) == NULL)
        printf("\n  wanted \"%s\", got \"%s\"\n", words, err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
    CU_ASSERT_PTR_NULL(csr.names);
    CU_ASSERT_PTR_NULL(csr.der);
}

static void refused(const struct csr_spec *spec, int code, const char *words)
{
    char *pem = csr_make(spec);

    refused_text(pem, strlen(pem), code, words);
    free(pem);
}

static void refused_key(EVP_PKEY *key, EVP_PKEY *other, const char *words)
{
    struct csr_spec spec = {.key = key, .other_key = other, .names = one};

    refused(&spec, ERR_RANGE, words);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void refused_names(const struct csr_name *names, const char *cn, int code, const char *words)
{
    EVP_PKEY *key = key_ec("P-256");
    struct csr_spec spec = {.key = key, .names = names, .cn = {cn}};

    refused(&spec, code, words);
    EVP_PKEY_free(key);
}

/* -- good ones -- */

static void takes(EVP_PKEY *key, const char *type)
{
    char *pem = csr_for(key, "www.example.org,*.Example.org,www.EXAMPLE.org,example.org");
    struct err err = {0};
    char spki[65];
    struct csr csr;

    CU_ASSERT_EQUAL_FATAL(csr_parse(&csr, pem, strlen(pem), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    CU_ASSERT_STRING_EQUAL(csr.key_type, type);
    CU_ASSERT_EQUAL_FATAL(csr.count, 3);
    CU_ASSERT_STRING_EQUAL(csr.names[0], "*.example.org");
    CU_ASSERT_STRING_EQUAL(csr.names[1], "example.org");
    CU_ASSERT_STRING_EQUAL(csr.names[2], "www.example.org");
    CU_ASSERT_EQUAL(strlen(csr.spki_sha256), 64);
    CU_ASSERT_EQUAL(csr_spki(spki, csr.der, csr.der_len), 0);
    CU_ASSERT_STRING_EQUAL(spki, csr.spki_sha256);
    csr_clear(&csr);
    csr_clear(&csr);
    free(pem);
    EVP_PKEY_free(key);
}

static void test_good(void)
{
    takes(key_ec("P-256"), "ecdsa-p256");
    takes(key_ec("P-384"), "ecdsa-p384");
    takes(key_rsa(2048), "rsa-2048");
}

static void test_good_forms(void)
{
    EVP_PKEY *key = key_ec("P-256");
    struct csr_spec spec = {.key = key, .names = one, .digest = EVP_sha384()};
    char *pem = csr_make(&spec), *text;
    struct err err = {0};
    struct csr csr;

    CU_ASSERT_FATAL(asprintf(&text, "Certificate Request:\r\n    Data:\n\n%s\n  \n", pem) > 0);
    CU_ASSERT_EQUAL(csr_parse(&csr, text, strlen(text), &err), 0);
    CU_ASSERT_EQUAL(csr.count, 1);
    csr_clear(&csr);
    free(text);
    free(pem);
    EVP_PKEY_free(key);
}

/* RFC 2985 5.4.2, RFC 7633 4.1: what is asked for besides the names, in whatever order. */
static void test_extensions(void)
{
    static const struct csr_name two[] = {
        {GEN_DNS, "a.example", 0}, {GEN_DNS, "b.example", 0}, {0}};
    EVP_PKEY *key = key_ec("P-256");
    const struct csr_spec specs[] = {
        {.names = one},
        {.names = two},
        {.names = one, .more = {"tlsfeature", "status_request"}},
        {.names = one, .more = {"extendedKeyUsage", "serverAuth"}},
        {.names = one, .more = {"extendedKeyUsage", "serverAuth,clientAuth"}},
        {.names = one, .more = {"extendedKeyUsage", "critical,serverAuth"}},
        {.names = one, .more = {"tlsfeature", "status_request", "extendedKeyUsage", "serverAuth"}},
        {.names = two, .more = {"extendedKeyUsage", "serverAuth", "tlsfeature", "status_request"}},
    };
    static const unsigned kinds[] = {0, 0, 1, 2, 3, 4, 5, 5};
    enum { COUNT = sizeof specs / sizeof *specs };
    char of[COUNT][65], again[65];

    for (int i = 0; i < COUNT; i++) {
        struct csr_spec spec = specs[i];
        struct err err = {0};
        struct csr csr;
        char *pem;

        spec.key = key;
        pem = csr_make(&spec);
        CU_ASSERT_EQUAL_FATAL(csr_parse(&csr, pem, strlen(pem), &err), 0);
        memcpy(of[i], csr.extensions_sha256, sizeof of[i]);
        CU_ASSERT_EQUAL(csr_extensions(again, csr.der, csr.der_len), 0);
        CU_ASSERT_STRING_EQUAL(again, of[i]);
        for (int j = 0; j < i; j++)
            CU_ASSERT_EQUAL(strcmp(of[i], of[j]) == 0, kinds[i] == kinds[j]);
        csr_clear(&csr);
        free(pem);
    }
    CU_ASSERT_EQUAL(csr_extensions(again, (const uint8_t *)"x", 1), ERR_MALFORMED);
    EVP_PKEY_free(key);
}

static void test_idn(void)
{
    const struct csr_name u_label[] = {{GEN_DNS, "p\xc3\xb8lse.example", 0}, {0}};
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "xn--plse-gra.example");
    struct err err = {0};
    struct csr csr;

    CU_ASSERT_EQUAL(csr_parse(&csr, pem, strlen(pem), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    csr_clear(&csr);
    free(pem);
    refused_names(u_label, NULL, ERR_MALFORMED, "not in ASCII");
    refused_names(one, "p\xc3\xb8lse.example", ERR_MALFORMED, "not in ASCII");
    EVP_PKEY_free(key);
}

static void test_hundred_names(void)
{
    struct csr_name names[LIMIT_NAMES + 2] = {0};
    char text[LIMIT_NAMES + 1][32];
    EVP_PKEY *key = key_ec("P-256");
    struct csr_spec spec = {.key = key, .names = names};
    struct err err = {0};
    struct csr csr;
    char *pem;

    for (int i = 0; i <= LIMIT_NAMES; i++) {
        (void)snprintf(text[i], sizeof text[i], "host%d.example.org", i);
        names[i] = (struct csr_name){GEN_DNS, text[i], 0};
    }
    refused(&spec, ERR_LIMIT, "asks for 101 names; at most 100");
    names[LIMIT_NAMES].type = 0;
    pem = csr_make(&spec);
    CU_ASSERT_EQUAL(csr_parse(&csr, pem, strlen(pem), &err), 0);
    CU_ASSERT_EQUAL(csr.count, LIMIT_NAMES);
    csr_clear(&csr);
    free(pem);
    EVP_PKEY_free(key);
}

/* -- the text -- */

static void test_text(void)
{
    static const char key[] =
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    static const char cert[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char damaged[] =
        "-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n";
    static const char not_der[] =
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    static const char header[] = "-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n"
                                 "DEK-Info: AES-128-CBC,00\n\nAAAA\n"
                                 "-----END CERTIFICATE REQUEST-----\n";
    static const char half[] = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERT";

    refused_text("", 0, ERR_MALFORMED, "the input is empty");
    refused_text(" \r\n\t", 4, ERR_MALFORMED, "the input is empty");
    refused_text("\0\1\2", 3, ERR_MALFORMED, "binary");
    refused_text("hello", 5, ERR_MALFORMED, "begins a CERTIFICATE REQUEST");
    refused_text(key, sizeof key - 1, ERR_MALFORMED, "private key");
    refused_text(cert, sizeof cert - 1, ERR_MALFORMED, "is a certificate, not");
    refused_text(damaged, sizeof damaged - 1, ERR_MALFORMED, "does not decode");
    refused_text(not_der, sizeof not_der - 1, ERR_MALFORMED, "PKCS #10");
    refused_text(header, sizeof header - 1, ERR_MALFORMED, "header fields");
    refused_text(half, sizeof half - 1, ERR_MALFORMED, "truncated");
    refused_text(damaged, 40, ERR_MALFORMED, "truncated");
}

static void test_huge(void)
{
    size_t len = LIMIT_CSR_PEM + 1;
    char *text = malloc(len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'A', len);
    refused_text(text, len, ERR_LIMIT, "65537 bytes");
    refused_text(text, len - 1, ERR_MALFORMED, "begins a CERTIFICATE REQUEST");
    free(text);
}

static void test_several(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "a.example"), *two, *with_key;

    CU_ASSERT_FATAL(asprintf(&two, "%s%s", pem, pem) > 0);
    refused_text(two, strlen(two), ERR_MALFORMED, "more than one");
    CU_ASSERT_FATAL(asprintf(&with_key, "%s-----BEGIN PRIVATE KEY-----\n", pem) > 0);
    refused_text(with_key, strlen(with_key), ERR_MALFORMED, "private key");
    free(two);
    free(with_key);
    free(pem);
    EVP_PKEY_free(key);
}

/* Every prefix, and every octet changed: refused or taken, never a crash. */
static void test_damaged(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "a.example");
    size_t len = strlen(pem), taken = 0;
    struct err err = {0};
    struct csr csr;

    for (size_t i = 0; i < len - 1; i++) {
        CU_ASSERT(csr_parse(&csr, pem, i, &err) < 0 || i >= len - 1);
        csr_clear(&csr);
    }
    for (size_t i = 40; i < len - 40; i++) {
        char kept = pem[i];

        pem[i] = kept == 'A' ? 'B' : 'A';
        taken += csr_parse(&csr, pem, len, &err) == 0;
        csr_clear(&csr);
        pem[i] = kept;
    }
    CU_ASSERT_EQUAL(taken, 0);
    free(pem);
    EVP_PKEY_free(key);
}

/* -- key and signature -- */

static void test_keys(void)
{
    refused_key(key_rsa(1024), NULL, "RSA with 1024 bits");
    refused_key(key_ec("P-256"), key_rsa_public(4104), "RSA with 4104 bits");
    refused_key(key_ec("P-256"), key_rsa_public(16384), "RSA with 16384 bits");
    refused_key(key_ec("P-521"), NULL, "P-521");
    refused_key(key_ec("secp256k1"), NULL, "secp256k1");
    refused_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, "ED25519");
}

static void test_signatures(void)
{
    EVP_PKEY *rsa = key_rsa(2048), *ec = key_ec("P-256"), *other = key_ec("P-256");
    struct csr_spec md5 = {.key = rsa, .digest = EVP_md5(), .names = one};
    struct csr_spec sha1 = {.key = ec, .digest = EVP_sha1(), .names = one};
    struct csr_spec wrong = {.key = ec, .other_key = other, .names = one};
    struct csr_spec kind = {.key = ec, .other_key = rsa, .names = one};

    refused(&md5, ERR_RANGE, "md5");
    refused(&sha1, ERR_RANGE, "SHA1");
    refused(&wrong, ERR_MALFORMED, "does not verify");
    refused(&kind, ERR_MALFORMED, "does not verify");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(other);
}

/* -- names -- */

static void test_kinds_of_names(void)
{
    const struct csr_name ip[] = {{GEN_DNS, "a.example", 0}, {GEN_IPADD, "\x7f\0\0\1", 4}, {0}};
    const struct csr_name email[] = {{GEN_EMAIL, "me@a.example", 0}, {0}};
    const struct csr_name uri[] = {{GEN_URI, "https://a.example/", 0}, {0}};

    refused_names(ip, NULL, ERR_RANGE, "an IP address");
    refused_names(email, NULL, ERR_RANGE, "an e-mail address");
    refused_names(uri, NULL, ERR_RANGE, "a URI");
}

static void test_hostile_names(void)
{
    static const char label64[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";
    char long_name[2000];
    const struct csr_name nul[] = {{GEN_DNS, "a.example\0.evil.example", 23}, {0}};
    const struct csr_name dot[] = {{GEN_DNS, "a.example.", 0}, {0}};
    const struct csr_name label[] = {{GEN_DNS, label64, 0}, {0}};
    const struct csr_name space[] = {{GEN_DNS, "a b.example", 0}, {0}};
    const struct csr_name line[] = {{GEN_DNS, "a\n.example", 0}, {0}};
    const struct csr_name star[] = {{GEN_DNS, "a.*.example", 0}, {0}};
    const struct csr_name address[] = {{GEN_DNS, "192.0.2.1", 0}, {0}};
    const struct csr_name longest[] = {{GEN_DNS, long_name, 1999}, {0}};

    memset(long_name, 'a', sizeof long_name);
    refused_names(dot, NULL, ERR_MALFORMED, "ends in a dot");
    refused_names(nul, NULL, ERR_MALFORMED, "NUL");
    refused_names(label, NULL, ERR_MALFORMED, "subjectAltName");
    refused_names(space, NULL, ERR_MALFORMED, "subjectAltName");
    refused_names(line, NULL, ERR_MALFORMED, "subjectAltName");
    refused_names(star, NULL, ERR_MALFORMED, "subjectAltName");
    refused_names(address, NULL, ERR_MALFORMED, "subjectAltName");
    refused_names(longest, NULL, ERR_MALFORMED, "1999 octets");
}

static void test_common_name(void)
{
    EVP_PKEY *key = key_ec("P-256");
    struct csr_spec several = {
        .key = key, .names = one, .cn = {"www.example.org", "www.example.org"}};
    struct csr_spec twice = {.key = key, .names = one, .sans = 2};

    refused(&several, ERR_MALFORMED, "several common names");
    refused(&twice, ERR_MALFORMED, "several");
    refused_names(one, "other.example.org", ERR_MALFORMED,
                  "other.example.org of the certificate request is not among");
    refused_names(one, "not a name", ERR_MALFORMED, "common name");
    refused_names(NULL, "www.example.org", ERR_MALFORMED, "subjectAltName extension is missing");
    EVP_PKEY_free(key);
}

/* -- in words -- */

static void test_describe(void)
{
    EVP_PKEY *key = key_ec("P-256"), *other = key_ec("P-256");
    char *pem = csr_for(key, "a.example,*.b.example"), *text = NULL;
    struct csr_spec bad = {.key = key, .other_key = other, .names = one, .cn = {"x\x1b[2J"}};
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(csr_describe(pem, strlen(pem), &text, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "CN=a.example"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "a.example, *.b.example"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "verifies"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "acceptable: yes"));
    free(text);
    free(pem);
    pem = csr_make(&bad);
    CU_ASSERT_EQUAL_FATAL(csr_describe(pem, strlen(pem), &text, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "does not verify"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "acceptable: no, "));
    CU_ASSERT_PTR_NULL(strchr(text, '\x1b'));
    free(text);
    free(pem);
    CU_ASSERT_EQUAL(csr_describe("x", 1, &text, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NULL(text);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"good", test_good},
        {"good forms", test_good_forms},
        {"extensions", test_extensions},
        {"IDN", test_idn},
        {"a hundred names", test_hundred_names},
        {"text", test_text},
        {"huge", test_huge},
        {"several", test_several},
        {"damaged", test_damaged},
        {"keys", test_keys},
        {"signatures", test_signatures},
        {"kinds of names", test_kinds_of_names},
        {"hostile names", test_hostile_names},
        {"common name", test_common_name},
        {"in words", test_describe},
    };
    return RUN("csr", tests);
}

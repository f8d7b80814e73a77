/* Files of other programs' making: what is in them, however odd they are. */
#include "client/scan_pem.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "ca.h"

static EVP_PKEY *key;
static X509 *cert;
static char *key_pem, *cert_pem;
static struct scan_pem pem;
static struct err err;

static int set_up(void)
{
    char *data;
    BIO *bio = BIO_new(BIO_s_mem());
    key = EVP_EC_gen("P-256");
    cert = ca_make(&(struct ca_wish){
        .subject = "leaf", .names = "DNS:a.example", .key = key, .from = -60, .to = 86400});
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    long len = BIO_get_mem_data(bio, &data);
    key_pem = strndup(data, (size_t)len);
    cert_pem = ca_pem(NULL, cert);
    BIO_free(bio);
    return key_pem == NULL || cert_pem == NULL ? -1 : 0;
}

static int tear_down(void)
{
    free(key_pem);
    free(cert_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

static char file[1 << 17];

static void take(const char *text)
{
    CU_ASSERT_EQUAL(scan_pem_read(&pem, text, strlen(text), &err), 0);
}

static const char *join(const char *a, const char *b, const char *c)
{
    snprintf(file, sizeof(file), "%s%s%s", a, b, c);
    return file;
}

static void test_both(void)
{
    take(join("words\n", key_pem, cert_pem));
    CU_ASSERT_PTR_NOT_NULL(pem.key);
    CU_ASSERT_EQUAL(pem.type, KEY_ECDSA);
    CU_ASSERT_EQUAL(pem.cert_count, 1);
    scan_pem_clear(&pem);
    CU_ASSERT_PTR_NULL(pem.key);
    take("");
    CU_ASSERT_EQUAL(pem.cert_count, 0);
    take("neither PEM nor anything else");
    CU_ASSERT_EQUAL(pem.cert_count, 0);
    CU_ASSERT_EQUAL(pem.fault_code, 0);
}

static void test_several_keys(void)
{
    take(join(key_pem, cert_pem, key_pem));
    CU_ASSERT_PTR_NULL(pem.key);
    CU_ASSERT_EQUAL(pem.fault_code, ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(pem.fault, "several private keys"));
    CU_ASSERT_EQUAL(pem.cert_count, 1);
    scan_pem_clear(&pem);
}

/* A block that never ends is none; what begins within it is one (RFC 7468 2). */
static void test_cut(void)
{
    take(join("-----BEGIN CERTIFICATE-----\nMIIB\n", cert_pem, ""));
    CU_ASSERT_EQUAL(pem.cert_count, 1);
    scan_pem_clear(&pem);
    take(join(cert_pem, "-----BEGIN PRIVATE KEY-----\nMIGH", ""));
    CU_ASSERT_EQUAL(pem.cert_count, 1);
    CU_ASSERT_EQUAL(pem.fault_code, 0);
    scan_pem_clear(&pem);
    take(join(cert_pem, "-----BEGIN ", ""));
    CU_ASSERT_EQUAL(pem.cert_count, 1);
    scan_pem_clear(&pem);
    take("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-");
    CU_ASSERT_EQUAL(pem.cert_count, 0);
}

/* Damaged certificates count as none, and nobody is asked for a pass phrase (RFC 1421 4.6). */
static void test_no_certificates(void)
{
    take(join("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", cert_pem, ""));
    CU_ASSERT_EQUAL(pem.cert_count, 1);
    scan_pem_clear(&pem);
    take("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
         "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n\n"
         "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n");
    CU_ASSERT_EQUAL(pem.cert_count, 0);
    scan_pem_clear(&pem);
}

/* A system's list of CAs is no chain. */
static void test_bundle(void)
{
    size_t len = strlen(cert_pem);
    CU_ASSERT_TRUE_FATAL((CHAIN_MAX + 2) * len < sizeof(file));
    for (size_t i = 0; i < CHAIN_MAX + 2; i++) {
        memcpy(file + i * len, cert_pem, len + 1);
        CU_ASSERT_EQUAL(scan_pem_read(&pem, file, (i + 1) * len, &err), 0);
        CU_ASSERT_EQUAL(pem.cert_count, i < CHAIN_MAX ? i + 1 : 0);
        scan_pem_clear(&pem);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("scan_pem", set_up, tear_down);
    CU_add_test(suite, "both", test_both);
    CU_add_test(suite, "several keys", test_several_keys);
    CU_add_test(suite, "cut", test_cut);
    CU_add_test(suite, "no certificates", test_no_certificates);
    CU_add_test(suite, "bundle", test_bundle);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

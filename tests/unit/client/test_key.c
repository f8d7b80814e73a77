/* Keys and the CSRs made with them. */
#include "client/key.h"

#include <CUnit/Basic.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "client/csr.h"

static struct err err;

/* PEM of a key, under a pass phrase where it is given; free the result. */
static char *pem_of(EVP_PKEY *pkey, const char *phrase, size_t *len)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    PEM_write_bio_PrivateKey(bio, pkey, phrase != NULL ? EVP_aes_128_cbc() : NULL,
                             (const unsigned char *)phrase,
                             phrase != NULL ? (int)strlen(phrase) : 0, NULL, NULL);
    *len = (size_t)BIO_get_mem_data(bio, &data);
    char *text = strndup(data, *len);
    BIO_free(bio);
    return text;
}

/* Parses pkey's PEM as the type; frees pkey. */
static int parse_as(EVP_PKEY *pkey, const char *phrase, enum key_type type)
{
    struct key key;
    size_t len;
    char *pem = pem_of(pkey, phrase, &len);
    err = (struct err){0};
    int ret = key_parse(&key, pem, len, type, &err);
    if (ret == 0) {
        CU_ASSERT_EQUAL(EVP_PKEY_eq(key.pkey, pkey), 1);
        CU_ASSERT_STRING_EQUAL(key.pem, pem);
        key_clear(&key);
    }
    CU_ASSERT_PTR_NULL(key.pkey);
    free(pem);
    EVP_PKEY_free(pkey);
    return ret;
}

static void test_make(void)
{
    struct key made, read;
    CU_ASSERT_EQUAL_FATAL(key_make(&made, KEY_ECDSA, &(struct key_form){0}, &err), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(made.pkey), 384);
    CU_ASSERT_EQUAL(strncmp(made.pem, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
    CU_ASSERT_EQUAL(strlen(made.pem), made.len);
    CU_ASSERT_EQUAL_FATAL(key_parse(&read, made.pem, made.len, KEY_ECDSA, &err), 0);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(made.pkey, read.pkey), 1);
    key_clear(&made);
    key_clear(&read);
    key_clear(&read);
}

static void test_kept(void)
{
    CU_ASSERT_EQUAL(parse_as(EVP_EC_gen("P-256"), NULL, KEY_ECDSA), 0);
    CU_ASSERT_EQUAL(parse_as(EVP_EC_gen("P-384"), NULL, KEY_ECDSA), 0);
    CU_ASSERT_EQUAL(parse_as(EVP_RSA_gen(2048), NULL, KEY_RSA), 0);
}

static void test_refused(void)
{
    struct key key;
    CU_ASSERT_EQUAL(parse_as(EVP_EC_gen("P-521"), NULL, KEY_ECDSA), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "P-256 and P-384 are permitted"));
    CU_ASSERT_EQUAL(parse_as(EVP_RSA_gen(1024), NULL, KEY_RSA), ERR_RANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "has 1024 bits"));
    CU_ASSERT_EQUAL(parse_as(EVP_EC_gen("P-256"), NULL, KEY_RSA), ERR_RANGE);
    CU_ASSERT_EQUAL(parse_as(EVP_RSA_gen(1024), NULL, KEY_ECDSA), ERR_RANGE);
    CU_ASSERT_EQUAL(parse_as(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL, KEY_ECDSA), ERR_RANGE);
    CU_ASSERT_EQUAL(parse_as(EVP_EC_gen("P-256"), "secret", KEY_ECDSA), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "pass phrase"));
    CU_ASSERT_EQUAL(key_parse(&key, "", 0, KEY_RSA, &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(key_parse(&key, "\0\xff", 2, KEY_RSA, &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(key_parse(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n", 33, KEY_RSA, &err),
                    ERR_MALFORMED);
}

static X509_REQ *csr_of(EVP_PKEY *pkey, char *const *names, size_t count)
{
    char *pem;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(csr_make(&pem, &len, pkey, names, count, &err), 0);
    CU_ASSERT_EQUAL(len, strlen(pem));
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    free(pem);
    CU_ASSERT_PTR_NOT_NULL_FATAL(req);
    CU_ASSERT_EQUAL(X509_REQ_verify(req, pkey), 1);
    return req;
}

static void test_csr(void)
{
    char *names[] = {(char[]){"www.a.example"}, (char[]){"*.a.example"}};
    char cn[80] = "";
    EVP_PKEY *pkey = EVP_EC_gen("P-384");
    X509_REQ *req = csr_of(pkey, names, 2);
    CU_ASSERT_EQUAL(X509_REQ_get_signature_nid(req), NID_ecdsa_with_SHA384);
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, cn, sizeof(cn));
    CU_ASSERT_STRING_EQUAL(cn, "www.a.example");
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(sk_GENERAL_NAME_num(san), 2);
    for (int i = 0; i < 2; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, i);
        CU_ASSERT_EQUAL(name->type, GEN_DNS);
        CU_ASSERT_EQUAL(memcmp(ASN1_STRING_get0_data(name->d.dNSName), names[i], strlen(names[i])),
                        0);
    }
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(req);
    EVP_PKEY_free(pkey);
}

static void test_csr_long_name(void)
{
    char long_name[] = "a23456789012345678901234567890123456789012345678901234567890."
                       "example";
    char *names[] = {long_name};
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509_REQ *req = csr_of(pkey, names, 1);
    CU_ASSERT_EQUAL(X509_REQ_get_signature_nid(req), NID_ecdsa_with_SHA256);
    CU_ASSERT_EQUAL(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
    X509_REQ_free(req);
    EVP_PKEY_free(pkey);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("key", NULL, NULL);
    CU_add_test(suite, "make", test_make);
    CU_add_test(suite, "kept", test_kept);
    CU_add_test(suite, "refused", test_refused);
    CU_add_test(suite, "csr", test_csr);
    CU_add_test(suite, "csr of a long name", test_csr_long_name);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

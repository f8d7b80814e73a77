/*
 * Certificate requests of every kind, good and bad, made while a test runs.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_CSRS_H
#define CERTMILL_TESTS_UNIT_ISSUER_CSRS_H

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct csr_name {
    int type; /* GEN_DNS and so on; 0 ends a list */
    const char *data;
    size_t len; /* 0: strlen */
};

struct csr_spec {
    EVP_PKEY *key;
    const EVP_MD *digest; /* NULL: SHA-256 */
    const char *cn[3];
    const struct csr_name *names; /* NULL: no SAN extension */
    EVP_PKEY *other_key;          /* put in after signing */
    int sans;                     /* extensions of it; 0 counts as 1 */
    const char *more[5];          /* further ones, as "tlsfeature", "status_request" */
};

static inline EVP_PKEY *key_ec(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

static inline EVP_PKEY *key_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    return key;
}

/* A public key whose modulus nobody has factors of: making a real one of this size takes long. */
static inline EVP_PKEY *key_rsa_public(int bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    size_t size = (size_t)bits / 8;
    unsigned char *n = malloc(size);
    unsigned e = 65537;
    EVP_PKEY *key = NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    memset(n, 0xff, size);
    {
        OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, size),
                               OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &e),
                               OSSL_PARAM_construct_end()};

        CU_ASSERT_EQUAL_FATAL(EVP_PKEY_fromdata_init(ctx), 1);
        CU_ASSERT_EQUAL_FATAL(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    }
    EVP_PKEY_CTX_free(ctx);
    free(n);
    return key;
}

static inline GENERAL_NAMES *csr_general_names(const struct csr_name *names)
{
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();

    for (; names->type != 0; names++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_STRING *text =
            ASN1_STRING_type_new(names->type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

        ASN1_STRING_set(text, names->data,
                        (int)(names->len > 0 ? names->len : strlen(names->data)));
        GENERAL_NAME_set0_value(name, names->type, text);
        sk_GENERAL_NAME_push(list, name);
    }
    return list;
}

static inline void csr_add_names(X509_REQ *req, const struct csr_spec *spec)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    GENERAL_NAMES *names = csr_general_names(spec->names);

    for (int i = 0; i < (spec->sans > 0 ? spec->sans : 1); i++)
        sk_X509_EXTENSION_push(extensions, X509V3_EXT_i2d(NID_subject_alt_name, 0, names));
    for (int i = 0; i + 1 < 5 && spec->more[i] != NULL; i += 2) {
        X509_EXTENSION *more =
            X509V3_EXT_nconf_nid(NULL, NULL, OBJ_txt2nid(spec->more[i]), spec->more[i + 1]);

        CU_ASSERT_PTR_NOT_NULL_FATAL(more);
        sk_X509_EXTENSION_push(extensions, more);
    }
    X509_REQ_add_extensions(req, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
}

/* PEM, malloc'd. */
static inline char *csr_make(const struct csr_spec *spec)
{
    X509_REQ *req = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_MD *digest = spec->digest != NULL ? spec->digest : EVP_sha256();
    char *data, *pem;
    long len;

    for (int i = 0; i < 3 && spec->cn[i] != NULL; i++)
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)spec->cn[i], -1, -1, 0);
    X509_REQ_set_pubkey(req, spec->key);
    if (spec->names != NULL)
        csr_add_names(req, spec);
    if (EVP_PKEY_is_a(spec->key, "ED25519"))
        digest = NULL;
    CU_ASSERT_FATAL(X509_REQ_sign(req, spec->key, digest) > 0);
    if (spec->other_key != NULL)
        X509_REQ_set_pubkey(req, spec->other_key);
    PEM_write_bio_X509_REQ(bio, req);
    len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t)len);
    BIO_free(bio);
    X509_REQ_free(req);
    return pem;
}

/* A P-256 request for names divided by ",", the first of them its CN. */
static inline char *csr_for(EVP_PKEY *key, const char *names)
{
    struct csr_name list[128] = {0};
    char *copy = strdup(names), *save = NULL, *pem;
    struct csr_spec spec = {.key = key, .names = list};
    size_t count = 0;

    for (char *name = strtok_r(copy, ",", &save); name != NULL; name = strtok_r(NULL, ",", &save))
        list[count++] = (struct csr_name){GEN_DNS, name, 0};
    spec.cn[0] = list[0].data;
    pem = csr_make(&spec);
    free(copy);
    return pem;
}

/* A self-signed certificate for key, PEM, malloc'd: what a CA's answer looks like from afar. */
static inline char *cert_for(EVP_PKEY *key, const char *name, const char *ocsp_url)
{
    const struct csr_name list[] = {{GEN_DNS, name, 0}, {0}};
    GENERAL_NAMES *names = csr_general_names(list);
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    X509_EXTENSION *extension;
    char *data, *pem, text[256];
    long len;

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 0x1a2b3c);
    ASN1_TIME_set(X509_getm_notBefore(cert), 1700000000);
    ASN1_TIME_set(X509_getm_notAfter(cert), 1800000000);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"Test, CA", -1, -1, 0);
    X509_set_pubkey(cert, key);
    X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0);
    if (ocsp_url != NULL) {
        (void)snprintf(text, sizeof text, "OCSP;URI:%s", ocsp_url);
        extension = X509V3_EXT_nconf_nid(NULL, NULL, NID_info_access, text);
        X509_add_ext(cert, extension, -1);
        X509_EXTENSION_free(extension);
    }
    CU_ASSERT_FATAL(X509_sign(cert, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, cert);
    len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t)len);
    BIO_free(bio);
    X509_free(cert);
    GENERAL_NAMES_free(names);
    return pem;
}

#endif

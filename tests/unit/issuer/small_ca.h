/*
 * A CA of two certificates, and a store with a certificate that it has issued.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_SMALL_CA_H
#define CERTMILL_TESTS_UNIT_ISSUER_SMALL_CA_H

#include <stdio.h>

#include "common/clock.h"
#include "issuer/store.h"
#include "tests/unit/issuer/csrs.h"
#include "tests/unit/issuer/folder.h"

#define SMALL_CA_NOW       INT64_C(1800000000)
#define SMALL_CA_DIRECTORY "https://ca.example/dir"

struct small_ca {
    EVP_PKEY *key, *leaf_key;
    X509 *cert, *leaf;
    char *chain; /* PEM */
    int64_t now; /* Unix seconds: the clock's */
    struct clock clock;
    struct folder folder;
    struct store *store;
};

static inline int64_t small_ca_wall(void *arg)
{
    struct small_ca *ca = arg;

    return ca->now * 1000000;
}

static inline uint64_t small_ca_mono(void *arg)
{
    struct small_ca *ca = arg;

    return (uint64_t)ca->now * 1000;
}

static inline void small_ca_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    CU_ASSERT_PTR_NOT_NULL_FATAL(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline void small_ca_name(X509_NAME *name, const char *cn)
{
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
}

/* What an issued certificate is; issuer NULL: signed by itself. */
struct small_ca_spec {
    const char *cn, *san, *ocsp_url, *eku;
    long serial;
    X509 *issuer;
    EVP_PKEY *issuer_key, *key;
};

static inline X509 *small_ca_issue(const struct small_ca_spec *spec)
{
    X509 *cert = X509_new(), *issuer = spec->issuer != NULL ? spec->issuer : cert;
    char aia[256];

    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), spec->serial);
    ASN1_TIME_set(X509_getm_notBefore(cert), SMALL_CA_NOW - 86400);
    ASN1_TIME_set(X509_getm_notAfter(cert), SMALL_CA_NOW + 90 * 86400);
    small_ca_name(X509_get_subject_name(cert), spec->cn);
    X509_set_pubkey(cert, spec->key);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    small_ca_extension(cert, issuer, NID_basic_constraints,
                       spec->issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    small_ca_extension(cert, cert, NID_subject_key_identifier, "hash");
    small_ca_extension(cert, issuer, NID_authority_key_identifier, "keyid");
    if (spec->san != NULL)
        small_ca_extension(cert, issuer, NID_subject_alt_name, spec->san);
    if (spec->eku != NULL)
        small_ca_extension(cert, issuer, NID_ext_key_usage, spec->eku);
    if (spec->ocsp_url != NULL) {
        (void)snprintf(aia, sizeof aia, "OCSP;URI:%s", spec->ocsp_url);
        small_ca_extension(cert, issuer, NID_info_access, aia);
    }
    CU_ASSERT_FATAL(X509_sign(cert, spec->issuer_key, EVP_sha256()) > 0);
    return cert;
}

/* PEM of up to two certificates, malloc'd. */
static inline char *small_ca_pem(X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *pem;

    PEM_write_bio_X509(bio, first);
    if (second != NULL)
        PEM_write_bio_X509(bio, second);
    long len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t)len);
    BIO_free(bio);
    return pem;
}

static inline void small_ca_open(struct small_ca *ca)
{
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(store_open(&ca->store, folder_file(&ca->folder, "store.db"), &err), 0);
}

/* Puts a chain into the store as issued by a CA. */
static inline void small_ca_store(struct small_ca *ca, const char *directory, const char *serial,
                                  const char *names, const char *chain)
{
    const struct store_order order = {.client = "192.0.2.1",
                                      .directory_url = directory,
                                      .names = names,
                                      .csr = (const uint8_t *)"\x30",
                                      .csr_len = 1};
    const struct store_certificate cert = {.serial = serial,
                                           .names = names,
                                           .issuer = "CN=Small CA",
                                           .pem = chain,
                                           .not_before = SMALL_CA_NOW - 86400,
                                           .not_after = SMALL_CA_NOW + 90 * 86400};
    struct err err = {0};
    uint64_t id;

    CU_ASSERT_EQUAL_FATAL(store_order_add(ca->store, &order, &id, &err), 0);
    CU_ASSERT_EQUAL_FATAL(store_order_issue(ca->store, id, &cert, &err), 0);
}

/* With a certificate for www.a.example and a.example, serial 1a2b3c, in its store. */
static inline void small_ca_set_up(struct small_ca *ca, const char *ocsp_url)
{
    memset(ca, 0, sizeof *ca);
    ca->now = SMALL_CA_NOW;
    ca->clock = (struct clock){small_ca_wall, small_ca_mono, ca};
    ca->key = key_ec("P-256");
    ca->leaf_key = key_ec("P-256");
    ca->cert = small_ca_issue(&(struct small_ca_spec){
        .cn = "Small CA", .serial = 1, .issuer_key = ca->key, .key = ca->key});
    ca->leaf = small_ca_issue(&(struct small_ca_spec){.cn = "a.example",
                                                      .san = "DNS:a.example,DNS:www.a.example",
                                                      .ocsp_url = ocsp_url,
                                                      .serial = 0x1a2b3c,
                                                      .issuer = ca->cert,
                                                      .issuer_key = ca->key,
                                                      .key = ca->leaf_key});
    ca->chain = small_ca_pem(ca->leaf, ca->cert);
    folder_make(&ca->folder);
    small_ca_open(ca);
    small_ca_store(ca, SMALL_CA_DIRECTORY, "1a2b3c", "a.example,www.a.example", ca->chain);
}

/* As when the process begins anew. */
static inline void small_ca_reopen(struct small_ca *ca)
{
    store_close(ca->store);
    small_ca_open(ca);
}

static inline void small_ca_tear_down(struct small_ca *ca)
{
    store_close(ca->store);
    folder_remove(&ca->folder);
    X509_free(ca->leaf);
    X509_free(ca->cert);
    EVP_PKEY_free(ca->leaf_key);
    EVP_PKEY_free(ca->key);
    free(ca->chain);
}

#endif

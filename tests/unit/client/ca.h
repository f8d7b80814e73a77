/* A CA for tests: keys and certificates made in memory. */
#ifndef CERTMILL_TESTS_UNIT_CLIENT_CA_H
#define CERTMILL_TESTS_UNIT_CLIENT_CA_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct ca_wish {
    const char *subject;  /* CN */
    const char *names;    /* "DNS:a.example,DNS:b.example", or NULL */
    EVP_PKEY *key;        /* the subject's */
    X509 *issuer;         /* NULL: signed by itself */
    EVP_PKEY *issuer_key; /* NULL: key */
    int ca;               /* whether it may issue */
    int key_ids;          /* whether it has identifiers of its key and its issuer's */
    long from, to;        /* seconds from now */
};

static inline void ca_extension_by(X509 *issuer, X509 *cert, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) {
        abort();
    }
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline void ca_extension(X509 *cert, int nid, const char *value)
{
    ca_extension_by(cert, cert, nid, value);
}

static inline X509 *ca_make(const struct ca_wish *wish)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711);
    X509_gmtime_adj(X509_getm_notBefore(cert), wish->from);
    X509_gmtime_adj(X509_getm_notAfter(cert), wish->to);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)wish->subject, -1,
                               -1, 0);
    X509_set_issuer_name(cert, wish->issuer != NULL ? X509_get_subject_name(wish->issuer) : name);
    X509_set_pubkey(cert, wish->key);
    ca_extension(cert, NID_basic_constraints, wish->ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (wish->key_ids) {
        ca_extension(cert, NID_subject_key_identifier, "hash");
        ca_extension_by(wish->issuer != NULL ? wish->issuer : cert, cert,
                        NID_authority_key_identifier, "keyid");
    }
    if (wish->names != NULL) {
        ca_extension(cert, NID_subject_alt_name, wish->names);
    }
    X509_sign(cert, wish->issuer_key != NULL ? wish->issuer_key : wish->key, EVP_sha256());
    return cert;
}

/* Appends the certificate to PEM text; free the result. */
static inline char *ca_pem(char *before, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    PEM_write_bio_X509(bio, cert);
    long len = BIO_get_mem_data(bio, &data);
    size_t old = before != NULL ? strlen(before) : 0;
    text = realloc(before, old + (size_t)len + 1);
    memcpy(text + old, data, (size_t)len);
    text[old + (size_t)len] = '\0';
    BIO_free(bio);
    return text;
}

#endif

#include "client/csr.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define CN_MAX 64 /* ub-common-name */

static int add_name(GENERAL_NAMES *names, const char *name)
{
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (general == NULL || text == NULL || ASN1_STRING_set(text, name, -1) != 1) {
        GENERAL_NAME_free(general);
        ASN1_IA5STRING_free(text);
        return ERR_CRYPTO;
    }
    GENERAL_NAME_set0_value(general, GEN_DNS, text);
    if (sk_GENERAL_NAME_push(names, general) <= 0) {
        GENERAL_NAME_free(general);
        return ERR_CRYPTO;
    }
    return 0;
}

static int add_extension(X509_REQ *req, char *const *names, size_t count)
{
    GENERAL_NAMES *general = sk_GENERAL_NAME_new_null();
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    int ret = general == NULL ? ERR_CRYPTO : 0;
    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = add_name(general, names[i]);
    }
    if (ret == 0 &&
        (X509V3_add1_i2d(&extensions, NID_subject_alt_name, general, 0, X509V3_ADD_DEFAULT) != 1 ||
         X509_REQ_add_extensions(req, extensions) != 1)) {
        ret = ERR_CRYPTO;
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    sk_GENERAL_NAME_pop_free(general, GENERAL_NAME_free);
    return ret;
}

static int fill(X509_REQ *req, EVP_PKEY *key, char *const *names, size_t count)
{
    const EVP_MD *digest =
        EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
    if (X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(req, key) != 1) {
        return ERR_CRYPTO;
    }
    if (strlen(names[0]) <= CN_MAX &&
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
                                   (const unsigned char *)names[0], -1, -1, 0) != 1) {
        return ERR_CRYPTO;
    }
    if (add_extension(req, names, count) < 0 || X509_REQ_sign(req, key, digest) == 0) {
        return ERR_CRYPTO;
    }
    return 0;
}

int csr_make(char **pem, size_t *len, EVP_PKEY *key, char *const *names, size_t count,
             struct err *err)
{
    X509_REQ *req = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    int ret = 0;
    *pem = NULL;
    if (req == NULL || bio == NULL || fill(req, key, names, count) < 0 ||
        PEM_write_bio_X509_REQ(bio, req) != 1) {
        ERR_clear_error();
        ret = err_set(err, ERR_CRYPTO, "the CSR could not be made");
    } else {
        *len = (size_t)BIO_get_mem_data(bio, &data);
        if ((*pem = strndup(data, *len)) == NULL) {
            ret = err_set(err, -ENOMEM, "out of memory");
        }
    }
    BIO_free(bio);
    X509_REQ_free(req);
    return ret;
}

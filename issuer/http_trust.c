#include "issuer/http_trust.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/limits.h"

/* Adds every certificate of a PEM file that was read; returns how many, or a negative error. */
static int add_pem(X509_STORE *store, const char *path, const char *data, size_t len,
                   struct err *err)
{
    BIO *bio = BIO_new_mem_buf(data, (int)len);
    X509 *cert;
    int count = 0;

    while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, cert) == 1;
        X509_free(cert);
    }
    unsigned long last = ERR_peek_last_error();
    if (bio == NULL) {
        count = err_set(err, -ENOMEM, "%s: out of memory", path);
    } else if (last != 0 && ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
        count = err_set(err, ERR_MALFORMED, "%s: a certificate in it does not parse", path);
    }
    ERR_clear_error();
    BIO_free(bio);
    return count;
}

static int add_file(X509_STORE *store, const char *path, struct err *err)
{
    char *data = NULL;
    size_t len;
    int ret = file_read(AT_FDCWD, path, LIMIT_TRUST_FILE, &data, &len, err);

    if (ret < 0) {
        return ret;
    }
    ret = add_pem(store, path, data, len, err);
    free(data);
    return ret;
}

int http_trust_load(X509_STORE **out, const struct http_trust *trust, struct err *err)
{
    X509_STORE *store = X509_STORE_new();
    int ret = 1;

    if (store == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (trust->pem != NULL) {
        ret = add_pem(store, trust->ca_file, trust->pem, trust->pem_len, err);
    } else if (trust->ca_file != NULL) {
        ret = add_file(store, trust->ca_file, err);
    }
    if (ret <= 0) {
        if (ret == 0) {
            ret = err_set(err, ERR_MALFORMED, "the CA file %s: no PEM certificate in it",
                          trust->ca_file);
        } else {
            err_prefix(err, "the CA file");
        }
        X509_STORE_free(store);
        return ret;
    }
    *out = store;
    return 0;
}

void http_trust_add_system(X509_STORE *store, const char *system_file, struct log *log)
{
    struct err reason = {0};
    int ret;

    if (system_file != NULL && (ret = add_file(store, system_file, &reason)) <= 0) {
        log_warning(log, NULL, "no trust taken from the system's CA file (%s)",
                    ret < 0 ? reason.text : system_file);
    }
}

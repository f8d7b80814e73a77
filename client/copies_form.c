#include "client/copies_form.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

/* Of PBKDF2 and the MAC (RFC 8018 4.2 wants 1,000 at least). It is read again in each run, and
 * the password lies on the same disk. */
#define ITERATIONS   2048
#define PASSWORD_MAX 1024 /* octets of the password's file */

void copies_wipe(char *data, size_t len)
{
    if (data != NULL) {
        OPENSSL_cleanse(data, len);
        free(data);
    }
}

/* Cuts the text after its first line. */
static int first_line(char *text, size_t len, const char *path, struct err *err)
{
    size_t end = strcspn(text, "\r\n");
    if (end == 0 || (end == strlen(text) && end != len)) {
        return err_set(err, ERR_MALFORMED, "%s: its first line is to be the password%s", path,
                       end == 0 ? ", and it is empty" : ", and there is a zero octet in it");
    }
    OPENSSL_cleanse(text + end, len - end);
    return 0;
}

int copies_password(char **password, const struct settings_copy *row, struct err *err)
{
    const char *path = row->password_file;
    struct stat st;
    size_t len;
    int fd, ret = 0;
    if (path == NULL) {
        *password = strdup("");
        return *password == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
    }
    *password = NULL;
    if ((fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) < 0 || fstat(fd, &st) < 0) {
        ret = err_set(err, -errno, "password-file: %s: %s", path, err_string(-errno));
    } else if (!S_ISREG(st.st_mode)) {
        ret = err_set(err, ERR_PERMISSION, "password-file: %s is not a regular file", path);
    } else if ((st.st_mode & 0027) != 0) {
        ret = err_set(err, ERR_PERMISSION,
                      "password-file: %s has mode %04o, so that others get at the password: chmod "
                      "0600 %s",
                      path, st.st_mode & 07777, path);
    } else if ((ret = file_read_fd(fd, path, PASSWORD_MAX, password, &len, err)) == 0 &&
               (ret = first_line(*password, len, path, err)) < 0) {
        copies_wipe(*password, len);
        *password = NULL;
    }
    if (fd >= 0) {
        close(fd);
    }
    return ret;
}

static int crypto_error(const struct copies_form *form, struct err *err)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_CRYPTO, "cannot make %s of %s: %s", form->row->form, form->files->name,
                   reason != NULL ? reason : "out of memory");
}

/* Takes what OpenSSL allocated over into malloc's. */
static int take(unsigned char *der, int der_len, char **data, size_t *len)
{
    *data = der_len > 0 ? malloc((size_t)der_len) : NULL;
    if (*data != NULL) {
        *len = (size_t)der_len;
        memcpy(*data, der, *len);
    }
    OPENSSL_clear_free(der, der_len > 0 ? (size_t)der_len : 0);
    return *data == NULL ? -1 : 0;
}

static int make_der(const struct copies_form *form, char **data, size_t *len, struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_X509(form->chain->certs[0], &der);
    return take(der, n, data, len) < 0 ? crypto_error(form, err) : 0;
}

static PKCS12 *new_pkcs12(const struct copies_form *form, const char *password)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    PKCS12 *p12 = NULL;
    bool good = issuers != NULL;
    for (size_t i = 1; good && i < form->chain->count; i++) {
        good = sk_X509_push(issuers, form->chain->certs[i]) > 0;
    }
    if (good) {
        p12 = PKCS12_create(password, form->files->name, form->key->pkey, form->chain->certs[0],
                            issuers, NID_aes_256_cbc, NID_aes_256_cbc, ITERATIONS, -1, 0);
    }
    if (p12 != NULL && PKCS12_set_mac(p12, password, -1, NULL, 0, ITERATIONS, EVP_sha256()) != 1) {
        PKCS12_free(p12);
        p12 = NULL;
    }
    sk_X509_free(issuers);
    return p12;
}

static int make_pkcs12(const struct copies_form *form, char **data, size_t *len, struct err *err)
{
    char *password;
    unsigned char *der = NULL;
    int ret = copies_password(&password, form->row, err);
    if (ret < 0 || password == NULL) {
        return ret;
    }
    PKCS12 *p12 = new_pkcs12(form, password);
    int n = p12 == NULL ? -1 : i2d_PKCS12(p12, &der);
    if (take(der, n, data, len) < 0) {
        ret = crypto_error(form, err);
    }
    PKCS12_free(p12);
    copies_wipe(password, strlen(password));
    return ret;
}

/* Key (if with_key) and certificates first to count - 1. */
static int make_pem(const struct copies_form *form, bool with_key, size_t count, char **data,
                    size_t *len, struct err *err)
{
    const struct key *key = form->key;
    char *certs = NULL;
    size_t certs_len = 0, key_len = with_key ? key->len : 0;
    int ret = count == 0 ? 0 : chain_pem(form->chain, 0, count, &certs, &certs_len, err);
    if (ret < 0) {
        return ret;
    }
    bool newline = key_len > 0 && key->pem[key_len - 1] != '\n';
    if ((*data = malloc(key_len + 1 + certs_len)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else {
        if (key_len > 0) {
            memcpy(*data, key->pem, key_len);
            (*data)[key_len] = '\n';
        }
        if (certs_len > 0) {
            memcpy(*data + key_len + newline, certs, certs_len);
        }
        *len = key_len + newline + certs_len;
    }
    free(certs);
    return ret;
}

int copies_make(const struct copies_form *form, char **data, size_t *len, struct err *err)
{
    const char *word = form->row->form;
    size_t all = form->chain->count;
    *data = NULL;
    *len = 0;
    if (strcmp(word, "der") == 0) {
        return make_der(form, data, len, err);
    }
    if (strcmp(word, "pkcs12") == 0) {
        return make_pkcs12(form, data, len, err);
    }
    if (strcmp(word, "key") == 0) {
        return make_pem(form, true, 0, data, len, err);
    }
    if (strcmp(word, "certificate") == 0) {
        return make_pem(form, false, 1, data, len, err);
    }
    return make_pem(form, strcmp(word, "combined") == 0, all, data, len, err);
}

static bool same_issuers(const struct chain *chain, const STACK_OF(X509) * issuers)
{
    size_t count = issuers != NULL ? (size_t)sk_X509_num(issuers) : 0;
    if (count != chain->count - 1) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool found = false; /* OpenSSL's order differs with its version */
        for (size_t k = 0; k < count && !found; k++) {
            found = X509_cmp(sk_X509_value(issuers, (int)k), chain->certs[i + 1]) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool same_pkcs12(const struct copies_form *form, const char *old, size_t len)
{
    const unsigned char *at = (const unsigned char *)old;
    char *password = NULL;
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *issuers = NULL;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)len);
    bool same = p12 != NULL && copies_password(&password, form->row, NULL) == 0 &&
                PKCS12_parse(p12, password, &key, &leaf, &issuers) == 1 && key != NULL &&
                leaf != NULL && EVP_PKEY_eq(key, form->key->pkey) == 1 &&
                X509_cmp(leaf, form->chain->certs[0]) == 0 && same_issuers(form->chain, issuers);
    ERR_clear_error();
    if (password != NULL) {
        copies_wipe(password, strlen(password));
    }
    EVP_PKEY_free(key);
    X509_free(leaf);
    sk_X509_pop_free(issuers, X509_free);
    PKCS12_free(p12);
    return same;
}

bool copies_same(const struct copies_form *form, const char *old, size_t old_len, const char *data,
                 size_t len)
{
    if (strcmp(form->row->form, "pkcs12") == 0) {
        return same_pkcs12(form, old, old_len);
    }
    return old_len == len && memcmp(old, data, len) == 0;
}

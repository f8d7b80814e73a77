#include "signer/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/limits.h"

#define FILE_NAME (KEYFILE_NAME + sizeof(".pem"))

bool keyfile_name_ok(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len >= 1 && len <= KEYFILE_NAME && name[len] == '\0';
}

/* For PEM_read: a key that wants a password must not ask for it on a terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static int check_file(int fd, const char *folder, const char *file, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return err_set(err, -errno, "cannot look at %s/%s: %s", folder, file, err_string(-errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_PERMISSION, "%s/%s is not a regular file", folder, file);
    }
    if (st.st_uid != geteuid()) {
        return err_set(err, ERR_PERMISSION,
                       "the key %s/%s belongs to uid %u, but the signer runs as uid %u: chown it",
                       folder, file, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    if ((st.st_mode & 077) != 0) {
        return err_set(err, ERR_PERMISSION,
                       "others may read or change the key %s/%s (mode %04o): chmod 600 %s/%s",
                       folder, file, (unsigned)st.st_mode & 07777, folder, file);
    }
    return 0;
}

static int supported(EVP_PKEY *key)
{
    char group[32] = "";

    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        int bits = EVP_PKEY_get_bits(key);
        return bits >= 2048 && bits <= 4096;
    }
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                          NULL) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

static bool consistent(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int parse(const char *pem, size_t len, const char *folder, const char *file, EVP_PKEY **key,
                 struct err *err)
{
    int ret = 0;
    BIO *bio = BIO_new_mem_buf(pem, (int)len);

    if (bio == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (*key == NULL) {
        ret = err_set(err, ERR_CORRUPT,
                      "%s/%s is not a whole private key (PEM without a password): restore it, or "
                      "move it away and a new account will be made",
                      folder, file);
    } else if (!supported(*key)) {
        ret = err_set(err, ERR_CORRUPT,
                      "the key %s/%s is neither ECDSA over P-256 or P-384 nor RSA of 2048 to 4096 "
                      "bits",
                      folder, file);
    } else if (!consistent(*key)) {
        ret = err_set(err, ERR_CORRUPT, "the two halves of the key %s/%s do not fit: restore it",
                      folder, file);
    }
    ERR_clear_error();
    if (ret < 0) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return ret;
}

int keyfile_load(const struct keyfile_folder *folder, const char *name, EVP_PKEY **key,
                 struct err *err)
{
    char file[FILE_NAME];
    char *pem;
    size_t len;

    if (!keyfile_name_ok(name)) {
        return err_set(err, ERR_MALFORMED, "a key's name has 1 to %d characters a-z, 0-9 and -",
                       KEYFILE_NAME);
    }
    snprintf(file, sizeof(file), "%s.pem", name);
    int fd = openat(folder->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == ELOOP ? err_set(err, ERR_PERMISSION,
                                        "%s/%s is a symbolic link: put the "
                                        "file itself there",
                                        folder->path, file)
                              : err_set(err, -errno, "cannot open %s/%s: %s", folder->path, file,
                                        err_string(-errno));
    }
    int ret = check_file(fd, folder->path, file, err);
    if (ret == 0) {
        ret = file_read_fd(fd, file, LIMIT_KEY_PEM, &pem, &len, err);
    }
    close(fd);
    if (ret < 0) {
        return ret;
    }
    ret = parse(pem, len, folder->path, file, key, err);
    OPENSSL_cleanse(pem, len);
    free(pem);
    return ret;
}

static EVP_PKEY *generate(const char *type)
{
    static const struct {
        const char *type;
        const char *curve; /* NULL: RSA */
        size_t bits;
    } types[] = {
        {"ecdsa-p256", "P-256", 0}, {"ecdsa-p384", "P-384", 0}, {"rsa-2048", NULL, 2048},
        {"rsa-3072", NULL, 3072},   {"rsa-4096", NULL, 4096},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i].type) == 0) {
            return types[i].curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", types[i].curve)
                                          : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", types[i].bits);
        }
    }
    return NULL;
}

static int save(const struct keyfile_folder *folder, const char *file, EVP_PKEY *key,
                struct err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *pem;
    int ret = ERR_CRYPTO;

    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &pem);
        ret = file_write_atomic(folder->fd, file, pem, (size_t)len, 0600, err);
        if (ret < 0) {
            err_prefix(err, "cannot keep a new key in %s", folder->path);
        }
    } else {
        err_set(err, ret, "cannot write a new key as PEM");
    }
    BIO_free(bio); /* wipes it */
    return ret;
}

int keyfile_create(const struct keyfile_folder *folder, const char *name, const char *type,
                   EVP_PKEY **key, struct err *err)
{
    char file[FILE_NAME];

    if (!keyfile_name_ok(name)) {
        return err_set(err, ERR_MALFORMED, "a key's name has 1 to %d characters a-z, 0-9 and -",
                       KEYFILE_NAME);
    }
    snprintf(file, sizeof(file), "%s.pem", name);
    *key = generate(type);
    ERR_clear_error();
    if (*key == NULL) {
        return err_set(err, ERR_UNKNOWN, "cannot make a key of the type %.32s", type);
    }
    int ret = save(folder, file, *key, err);
    ERR_clear_error();
    if (ret < 0) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return ret;
}

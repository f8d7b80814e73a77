#include "client/key.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS  4096
#define RSA_LEAST 2048
#define RSA_MOST  4096
#define EC_CURVE  "P-384"

static int to_pem(struct key *key, struct err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data = NULL;
    int ret = 0;
    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        ret = err_set(err, ERR_CRYPTO, "a new key could not be written as PEM");
    } else {
        long len = BIO_get_mem_data(bio, &data);
        key->len = (size_t)len;
        if ((key->pem = malloc(key->len + 1)) == NULL) {
            ret = err_set(err, -ENOMEM, "out of memory");
        } else {
            memcpy(key->pem, data, key->len);
            key->pem[key->len] = '\0';
        }
    }
    BIO_free(bio); /* wipes what it held */
    return ret;
}

int key_make(struct key *out, enum key_type type, struct err *err)
{
    *out = (struct key){0};
    out->pkey = type == KEY_RSA ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen(EC_CURVE);
    if (out->pkey == NULL) {
        ERR_clear_error();
        return err_set(err, ERR_CRYPTO, "a new %s key could not be made", key_type_name(type));
    }
    int ret = to_pem(out, err);
    if (ret < 0) {
        key_clear(out);
    }
    return ret;
}

/* In place of OpenSSL's question on the terminal. */
static int no_pass_phrase(char *buf, int size, int writing, void *asked)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static int check_rsa(const EVP_PKEY *pkey, struct err *err)
{
    int bits = EVP_PKEY_get_bits(pkey);
    if (!EVP_PKEY_is_a(pkey, "RSA")) {
        return err_set(err, ERR_RANGE, "the key is not an RSA key, as its name says");
    }
    if (bits < RSA_LEAST || bits > RSA_MOST) {
        return err_set(err, ERR_RANGE, "the RSA key has %d bits: %d to %d are permitted", bits,
                       RSA_LEAST, RSA_MOST);
    }
    return 0;
}

static int check_ec(const EVP_PKEY *pkey, struct err *err)
{
    char curve[64] = "?";
    if (!EVP_PKEY_is_a(pkey, "EC")) {
        return err_set(err, ERR_RANGE, "the key is not an ECDSA key, as its name says");
    }
    EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL);
    if (strcmp(curve, "prime256v1") != 0 && strcmp(curve, "P-256") != 0 &&
        strcmp(curve, "secp384r1") != 0 && strcmp(curve, "P-384") != 0) {
        return err_set(err, ERR_RANGE, "the ECDSA key is on %s: P-256 and P-384 are permitted",
                       curve);
    }
    return 0;
}

int key_parse(struct key *out, const char *pem, size_t len, enum key_type type, struct err *err)
{
    bool asked = false;
    int ret;
    *out = (struct key){.len = len, .pem = malloc(len + 1)};
    BIO *bio = len > KEY_FILE_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
    if (out->pem == NULL || bio == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else {
        memcpy(out->pem, pem, len);
        out->pem[len] = '\0';
        out->pkey = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &asked);
        ERR_clear_error();
        if (asked) {
            ret = err_set(err, ERR_MALFORMED, "the key is under a pass phrase: take that off");
        } else if (out->pkey == NULL) {
            ret = err_set(err, ERR_MALFORMED, "there is no private key in PEM form in it");
        } else {
            ret = type == KEY_RSA ? check_rsa(out->pkey, err) : check_ec(out->pkey, err);
        }
    }
    BIO_free(bio);
    if (ret < 0) {
        key_clear(out);
    }
    return ret;
}

void key_clear(struct key *key)
{
    EVP_PKEY_free(key->pkey);
    if (key->pem != NULL) {
        OPENSSL_cleanse(key->pem, key->len);
        free(key->pem);
    }
    *key = (struct key){0};
}

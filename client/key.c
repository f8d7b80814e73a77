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

#include "client/key_text.h"

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

int key_make(struct key *out, enum key_type type, const struct key_form *form, struct err *err)
{
    unsigned bits = form->rsa_bits != 0 ? form->rsa_bits : RSA_BITS;
    const char *curve = form->curve != NULL ? form->curve : EC_CURVE;
    *out = (struct key){0};
    out->pkey = type == KEY_RSA ? EVP_RSA_gen(bits) : EVP_EC_gen(curve);
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

/* A key of another type than the file's name says. */
static int wrong_type(const EVP_PKEY *pkey, enum key_type type, struct err *err)
{
    const char *wanted = key_type_name(type);
    if (EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448")) {
        return err_set(err, ERR_RANGE,
                       "this is an %s key, and no public CA issues for these (CA/Browser Forum "
                       "Baseline Requirements 6.1.1.3): move it away, and a new %s key is made",
                       EVP_PKEY_is_a(pkey, "ED448") ? "ed448" : "ed25519", wanted);
    }
    const char *found = EVP_PKEY_is_a(pkey, "RSA")  ? "an RSA key"
                        : EVP_PKEY_is_a(pkey, "EC") ? "an ECDSA key"
                                                    : "a key of another kind";
    return err_set(err, ERR_RANGE,
                   "this is %s, not %s as the file's name says: rename it, or move it away, and "
                   "a new %s key is made",
                   found, wanted, wanted);
}

static int check_rsa(const EVP_PKEY *pkey, struct err *err)
{
    int bits = EVP_PKEY_get_bits(pkey);
    if (!EVP_PKEY_is_a(pkey, "RSA")) {
        return wrong_type(pkey, KEY_RSA, err);
    }
    if (bits < RSA_LEAST || bits > RSA_MOST) {
        return err_set(err, ERR_RANGE,
                       "the RSA key has %d bits, and %d to %d are permitted: move it away, and a "
                       "new one is made",
                       bits, RSA_LEAST, RSA_MOST);
    }
    return 0;
}

static int check_ec(const EVP_PKEY *pkey, struct err *err)
{
    char curve[64] = "an unnamed curve";
    if (!EVP_PKEY_is_a(pkey, "EC")) {
        return wrong_type(pkey, KEY_ECDSA, err);
    }
    EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL);
    if (strcmp(curve, "prime256v1") != 0 && strcmp(curve, "P-256") != 0 &&
        strcmp(curve, "secp384r1") != 0 && strcmp(curve, "P-384") != 0) {
        return err_set(err, ERR_RANGE,
                       "the ECDSA key is on %s, and P-256 and P-384 are permitted: move it away, "
                       "and a new one is made",
                       curve);
    }
    return 0;
}

static int decode(struct key *key, enum key_type type, struct err *err)
{
    bool asked = false;
    BIO *bio = BIO_new_mem_buf(key->pem, (int)key->len);
    if (bio == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    key->pkey = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &asked);
    BIO_free(bio);
    ERR_clear_error();
    if (asked) {
        return err_set(
            err, ERR_MALFORMED,
            "the key is under a pass phrase, and nobody is there to give it: take it off "
            "with openssl pkey -in FILE -out NEW");
    }
    if (key->pkey == NULL) {
        return err_set(err, ERR_MALFORMED,
                       "the private key in it is damaged: put it back from a backup, or move it "
                       "away, and a new one is made");
    }
    return type == KEY_RSA ? check_rsa(key->pkey, err) : check_ec(key->pkey, err);
}

int key_parse(struct key *out, const char *pem, size_t len, enum key_type type, struct err *err)
{
    struct key_text block;
    *out = (struct key){0};
    int ret = key_text_find(&block, pem, len, err);
    if (ret < 0) {
        return ret;
    }
    if ((out->pem = malloc(block.len + 2)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    memcpy(out->pem, block.start, block.len);
    out->len = block.len;
    if (out->pem[out->len - 1] != '\n') {
        out->pem[out->len++] = '\n';
    }
    out->pem[out->len] = '\0';
    if ((ret = decode(out, type, err)) < 0) {
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

#include "client/scan_pem.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"

/* A PEM block; points into the text. */
struct block {
    const char *start, *label;
    size_t len, label_len;
};

static const char *find(const char *text, const char *end, const char *what)
{
    return memmem(text, (size_t)(end - text), what, strlen(what));
}

/* The next block that is whole. Each octet is looked at a few times, whatever there is. */
static bool next_block(struct block *block, const char **at, const char *end)
{
    const char *start, *other;
    while ((start = find(*at, end, BEGIN)) != NULL) {
        const char *stop = find(start + strlen(BEGIN), end, END);
        const char *last = stop != NULL ? find(stop + strlen(END), end, DASH) : NULL;
        if (last == NULL) {
            return false;
        }
        last += strlen(DASH);
        *at = last;
        while ((other = find(start + strlen(BEGIN), stop, BEGIN)) != NULL) {
            start = other; /* the one before has no end */
        }
        const char *label = start + strlen(BEGIN), *dash = find(label, stop, DASH);
        if (dash != NULL) {
            *block = (struct block){start, label, (size_t)(last - start), (size_t)(dash - label)};
            return true;
        }
    }
    return false;
}

static bool is(const struct block *block, const char *label)
{
    return block->label_len == strlen(label) && memcmp(block->label, label, block->label_len) == 0;
}

static bool is_certificate(const struct block *block)
{
    return is(block, "CERTIFICATE") || is(block, "X509 CERTIFICATE");
}

static bool is_key(const struct block *block)
{
    return is(block, "PRIVATE KEY") || is(block, "RSA PRIVATE KEY") ||
           is(block, "EC PRIVATE KEY") || is(block, "ENCRYPTED PRIVATE KEY");
}

/* -- reading -- */

/* A certificate may be encrypted, too (RFC 1421): nobody is asked for it. */
static int no_pass_phrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

/* What is damaged counts as none. */
static X509 *decode(const struct block *block)
{
    BIO *bio = BIO_new_mem_buf(block->start, (int)block->len);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return cert;
}

static void fault(struct scan_pem *out, int code, const char *why)
{
    EVP_PKEY_free(out->key);
    out->key = NULL;
    out->fault_code = code;
    snprintf(out->fault, sizeof(out->fault), "%.255s", why);
}

static int take_key(struct scan_pem *out, const struct block *block, struct err *err)
{
    struct key key;
    struct err why = {0};
    if (out->key != NULL || out->fault_code != 0) {
        fault(out, ERR_EXISTS, "there are several private keys in it: give each a file");
        return 0;
    }
    out->type = KEY_RSA;
    int ret = key_parse(&key, block->start, block->len, KEY_RSA, &why);
    if (ret == ERR_RANGE) {
        struct err other = {0};
        out->type = KEY_ECDSA;
        int second = key_parse(&key, block->start, block->len, KEY_ECDSA, &other);
        ret = second == 0 ? 0 : ret;
    }
    if (ret == -ENOMEM) {
        return err_set(err, ret, "out of memory");
    }
    if (ret < 0) {
        fault(out, ret,
              ret == ERR_RANGE
                  ? "its key is none that certificates are asked for with: RSA of 2048 "
                    "to 4096 bits, and ECDSA on P-256 or P-384 are"
                  : why.text);
        return 0;
    }
    out->key = key.pkey;
    key.pkey = NULL;
    key_clear(&key);
    return 0;
}

static void drop_certs(struct scan_pem *out)
{
    for (size_t i = 0; i < out->cert_count; i++) {
        X509_free(out->certs[i]);
    }
    out->cert_count = 0;
}

int scan_pem_read(struct scan_pem *out, const char *text, size_t len, struct err *err)
{
    const char *at = text;
    bool bundle = false;
    struct block block;
    int ret = 0;
    *out = (struct scan_pem){0};
    while (ret == 0 && next_block(&block, &at, text + len)) {
        if (is_key(&block)) {
            ret = take_key(out, &block, err);
        } else if (is_certificate(&block) && !bundle) {
            X509 *cert = decode(&block);
            bundle = out->cert_count == CHAIN_MAX;
            if (cert != NULL && !bundle) {
                out->certs[out->cert_count++] = cert;
            } else {
                X509_free(cert);
            }
        }
    }
    if (bundle) {
        drop_certs(out);
    }
    if (ret < 0) {
        scan_pem_clear(out);
    }
    return ret;
}

void scan_pem_clear(struct scan_pem *pem)
{
    EVP_PKEY_free(pem->key);
    drop_certs(pem);
    *pem = (struct scan_pem){0};
}

/* -- writing -- */

static void put_block(char *dst, size_t *at, const struct block *block)
{
    memcpy(dst + *at, block->start, block->len);
    *at += block->len;
    dst[(*at)++] = '\n';
}

int scan_pem_rewrite(char **out, size_t *out_len, const char *text, size_t len,
                     const struct chain *chain, enum scan_role role, struct err *err)
{
    size_t first = role == SCAN_ISSUERS ? 1 : 0, certs_len = 0, at = 0;
    size_t count = role == SCAN_LEAF ? 1 : chain->count - first;
    const char *from = text;
    struct block block;
    bool done = false;
    char *certs = NULL;
    *out = NULL;
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "the new chain has no issuers");
    }
    int ret = chain_pem(chain, first, count, &certs, &certs_len, err);
    if (ret < 0) {
        return ret;
    }
    /* Each block takes a line's end more than it has. */
    char *dst = malloc(2 * len + certs_len + 1);
    if (dst == NULL) {
        free(certs);
        return err_set(err, -ENOMEM, "out of memory");
    }
    while (next_block(&block, &from, text + len)) {
        if (!is_certificate(&block)) {
            put_block(dst, &at, &block);
        } else if (!done) {
            memcpy(dst + at, certs, certs_len);
            at += certs_len;
            done = true;
        }
    }
    dst[at] = '\0';
    free(certs);
    *out = dst;
    *out_len = at;
    return 0;
}

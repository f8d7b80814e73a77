#include "client/key_match.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "client/key.h"
#include "client/key_text.h"

/* A private key's own structure, RFC 8017 A.1.2 or RFC 5915 3, and its curve as far as that is told
 * outside of it. */
struct inner {
    const unsigned char *der;
    int len;
    const ASN1_OBJECT *curve; /* NULL: within it */
};

/* The public key of a certificate (RFC 5280 4.1.2.7). */
struct outer {
    int algorithm; /* NID */
    const ASN1_OBJECT *curve;
    const unsigned char *bits;
    int len;
};

static bool read_outer(struct outer *out, X509 *leaf)
{
    ASN1_OBJECT *algorithm;
    X509_ALGOR *parameters;
    const void *value;
    int kind;
    if (X509_PUBKEY_get0_param(&algorithm, &out->bits, &out->len, &parameters,
                               X509_get_X509_PUBKEY(leaf)) != 1) {
        return false;
    }
    X509_ALGOR_get0(NULL, &kind, &value, parameters);
    out->algorithm = OBJ_obj2nid(algorithm);
    out->curve = kind == V_ASN1_OBJECT ? value : NULL;
    return true;
}

static void free_sequence(ASN1_SEQUENCE_ANY *sequence)
{
    for (int i = 0; i < sk_ASN1_TYPE_num(sequence); i++) {
        ASN1_TYPE *item = sk_ASN1_TYPE_value(sequence, i);
        if (item->type != V_ASN1_OBJECT && item->type != V_ASN1_NULL &&
            item->type != V_ASN1_BOOLEAN) {
            OPENSSL_cleanse(item->value.asn1_string->data, (size_t)item->value.asn1_string->length);
        }
    }
    sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free);
}

static ASN1_SEQUENCE_ANY *read_sequence(const unsigned char *der, int len)
{
    const unsigned char *p = der;
    ASN1_SEQUENCE_ANY *sequence = d2i_ASN1_SEQUENCE_ANY(NULL, &p, len);
    if (sequence != NULL && p != der + len) {
        free_sequence(sequence);
        sequence = NULL;
    }
    return sequence;
}

static bool same_integer(const ASN1_SEQUENCE_ANY *a, int i, const ASN1_SEQUENCE_ANY *b, int j)
{
    const ASN1_TYPE *x = sk_ASN1_TYPE_value(a, i), *y = sk_ASN1_TYPE_value(b, j);
    return x->type == V_ASN1_INTEGER && y->type == V_ASN1_INTEGER &&
           ASN1_INTEGER_cmp(x->value.integer, y->value.integer) == 0;
}

/* RSAPrivateKey is version, modulus, exponent and six numbers more; RSAPublicKey the two. */
static bool match_rsa(const struct inner *inner, const struct outer *outer, X509 *leaf)
{
    int bits = EVP_PKEY_get_bits(X509_get0_pubkey(leaf));
    ASN1_SEQUENCE_ANY *ours, *theirs;
    if (outer->algorithm != NID_rsaEncryption || bits < 2048 || bits > 4096) {
        return false;
    }
    ours = read_sequence(inner->der, inner->len);
    theirs = read_sequence(outer->bits, outer->len);
    bool same = sk_ASN1_TYPE_num(ours) == 9 && sk_ASN1_TYPE_num(theirs) == 2 &&
                same_integer(ours, 1, theirs, 0) && same_integer(ours, 2, theirs, 1);
    free_sequence(ours);
    free_sequence(theirs);
    return same;
}

/* Whether an item is [tag] with exactly these octets in it, fewer than 126. */
static bool is_tagged(const ASN1_TYPE *item, int tag, const unsigned char *data, size_t len)
{
    const ASN1_STRING *s = item->value.asn1_string;
    return item->type == V_ASN1_OTHER && len < 126 && s->length == (int)len + 2 &&
           s->data[0] == (0xa0 | tag) && s->data[1] == len && memcmp(s->data + 2, data, len) == 0;
}

static bool has_tagged(const ASN1_SEQUENCE_ANY *sequence, int tag, const unsigned char *data,
                       size_t len)
{
    for (int i = 2; i < sk_ASN1_TYPE_num(sequence); i++) {
        if (is_tagged(sk_ASN1_TYPE_value(sequence, i), tag, data, len)) {
            return true;
        }
    }
    return false;
}

/* ECPrivateKey is version, private key, [0] curve and [1] public key, a BIT STRING. */
static bool match_ec(const struct inner *inner, const struct outer *outer)
{
    unsigned char point[128] = {0x03, 0, 0}, *curve = NULL;
    int nid = outer->curve != NULL ? OBJ_obj2nid(outer->curve) : NID_undef;
    if (outer->algorithm != NID_X9_62_id_ecPublicKey ||
        (nid != NID_X9_62_prime256v1 && nid != NID_secp384r1) || outer->len < 1 ||
        outer->len > 97) {
        return false;
    }
    point[1] = (unsigned char)(outer->len + 1);
    memcpy(point + 3, outer->bits, (size_t)outer->len);
    ASN1_SEQUENCE_ANY *ours = read_sequence(inner->der, inner->len);
    bool same = has_tagged(ours, 1, point, (size_t)outer->len + 3);
    if (inner->curve != NULL) {
        same = same && OBJ_cmp(inner->curve, outer->curve) == 0;
    } else {
        int len = i2d_ASN1_OBJECT(outer->curve, &curve);
        same = same && len > 0 && has_tagged(ours, 0, curve, (size_t)len);
        OPENSSL_free(curve);
    }
    free_sequence(ours);
    return same;
}

static bool match(const struct inner *inner, int algorithm, enum key_type type, X509 *leaf)
{
    struct outer outer;
    if (algorithm != (type == KEY_RSA ? NID_rsaEncryption : NID_X9_62_id_ecPublicKey) ||
        !read_outer(&outer, leaf)) {
        return false;
    }
    return type == KEY_RSA ? match_rsa(inner, &outer, leaf) : match_ec(inner, &outer);
}

/* RFC 5958 */
static bool match_pkcs8(const unsigned char *der, long len, enum key_type type, X509 *leaf)
{
    const unsigned char *p = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, len);
    const ASN1_OBJECT *algorithm;
    const X509_ALGOR *parameters;
    struct inner inner = {0};
    const void *value;
    bool same = false;
    int kind;
    if (info != NULL && p == der + len &&
        PKCS8_pkey_get0(&algorithm, &inner.der, &inner.len, &parameters, info) == 1) {
        X509_ALGOR_get0(NULL, &kind, &value, parameters);
        inner.curve = kind == V_ASN1_OBJECT ? value : NULL;
        same = match(&inner, OBJ_obj2nid(algorithm), type, leaf);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return same;
}

static bool match_block(const char *name, const unsigned char *der, long len, enum key_type type,
                        X509 *leaf)
{
    struct inner inner = {.der = der, .len = (int)len};
    if (strcmp(name, PEM_STRING_PKCS8INF) == 0) {
        return match_pkcs8(der, len, type, leaf);
    }
    if (strcmp(name, PEM_STRING_RSA) == 0) {
        return match(&inner, NID_rsaEncryption, type, leaf);
    }
    return strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0 &&
           match(&inner, NID_X9_62_id_ecPublicKey, type, leaf);
}

bool key_match(const char *pem, size_t len, enum key_type type, X509 *leaf)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    struct key_text block;
    long der_len = 0;
    bool same = false;
    if (key_text_find(&block, pem, len, NULL) < 0) {
        return false;
    }
    BIO *bio = BIO_new_mem_buf(block.start, (int)block.len);
    if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1 && *header == '\0') {
        same = match_block(name, der, der_len, type, leaf);
    }
    ERR_clear_error();
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, (size_t)der_len);
    BIO_free(bio);
    return same;
}

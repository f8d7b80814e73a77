#include "issuer/revoke_jws.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/encode.h"
#include "common/jwk.h"
#include "common/limits.h"
#include "issuer/ajson.h"
#include "issuer/cert_chain.h"
#include "issuer/revoke_reason.h"

#define SIGNATURE_MAX 512 /* octets: RSA 4096 */

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static char *encode(const uint8_t *octets, size_t len)
{
    char *text = malloc(BASE64URL_LEN(len) + 1);

    if (text != NULL) {
        (void)base64url_encode(text, octets, len);
    }
    return text;
}

/* -- what is to be signed -- */

/* json as base64url. Takes the reference. */
static char *encode_json(json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    char *encoded = text != NULL ? encode((const uint8_t *)text, strlen(text)) : NULL;

    free(text);
    json_decref(json);
    return encoded;
}

/* unspecified is said by saying nothing (RFC 5280 5.3.1). */
static char *payload_of(const X509 *leaf, int reason)
{
    uint8_t *der = NULL;
    int len = i2d_X509(leaf, &der);
    char *text = len > 0 ? encode(der, (size_t)len) : NULL;
    json_t *json = text != NULL ? json_pack("{s:s}", "certificate", text) : NULL;
    bool whole = json != NULL &&
                 (reason == 0 || json_object_set_new(json, "reason", json_integer(reason)) == 0);

    if (!whole) {
        json_decref(json);
        json = NULL;
    }
    free(text);
    OPENSSL_free(der);
    return encode_json(json);
}

static int protect(char **out, const X509 *leaf, const char *nonce, const char *url,
                   struct err *err)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    char *jwk = NULL;
    int ret = key != NULL ? jwk_of(key, &jwk, err) : ERR_RANGE;

    if (ret < 0) {
        ERR_clear_error();
        return err_set(err, ret, "the certificate's key signs by none of ES256, ES384 and RS256");
    }
    *out = encode_json(json_pack("{s:s, s:o, s:s, s:s}", "alg", jwk_algorithm_of(key)->alg, "jwk",
                                 json_loads(jwk, JSON_REJECT_DUPLICATES, NULL), "nonce", nonce,
                                 "url", url));
    free(jwk);
    return *out != NULL ? 0 : no_memory(err);
}

int revoke_jws_make(char **out, const char *pem, int reason, const char *nonce, const char *url,
                    struct err *err)
{
    STACK_OF(X509) *chain = NULL;
    char *head = NULL, *payload = NULL;
    int ret = cert_chain_read(&chain, pem, strlen(pem), err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = protect(&head, sk_X509_value(chain, 0), nonce, url, err)) == 0 &&
        ((payload = payload_of(sk_X509_value(chain, 0), reason)) == NULL ||
         asprintf(out, "{\"protected\":\"%s\",\"payload\":\"%s\"}\n", head, payload) < 0)) {
        ret = no_memory(err);
    }
    free(head);
    free(payload);
    cert_chain_free(chain);
    return ret;
}

/* -- what has been signed -- */

static int malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED,
                   "the signed request %s; it has to be the output of \"revoke request\" with the "
                   "member \"signature\" added",
                   what);
}

/* What a member in base64url stands for, with a NUL behind; NULL where it is none. */
static uint8_t *decode(const char *text, size_t *len)
{
    size_t cap = text != NULL ? strlen(text) : 0;
    uint8_t *octets = text != NULL ? malloc(cap + 1) : NULL;
    int n = octets != NULL ? base64url_decode(octets, cap, text, cap) : -1;

    if (n < 0) {
        free(octets);
        return NULL;
    }
    octets[n] = '\0';
    *len = (size_t)n;
    return octets;
}

static json_t *decode_json(const char *text)
{
    size_t len = 0;
    uint8_t *octets = decode(text, &len);
    json_t *json = ajson_parse((const char *)octets, len);

    free(octets);
    return json;
}

struct parts {
    json_t *outer, *head, *payload;
    const char *head_text, *payload_text, *signature; /* base64url, of outer */
    const char *url;                                  /* of head */
    X509 *leaf;
};

static void parts_clear(struct parts *parts)
{
    X509_free(parts->leaf);
    json_decref(parts->payload);
    json_decref(parts->head);
    json_decref(parts->outer);
}

/* Exactly these members, of which `optional` may be missing. */
static bool has_only(const json_t *object, const char *const *names, size_t count,
                     const char *optional)
{
    size_t there = 0;

    for (size_t i = 0; i < count; i++) {
        bool has = json_object_get(object, names[i]) != NULL;
        if (!has && (optional == NULL || strcmp(names[i], optional) != 0)) {
            return false;
        }
        there += has;
    }
    return json_object_size(object) == there;
}

static int parse(struct parts *out, const char *input, size_t len, struct err *err)
{
    static const char *const outer[] = {"protected", "payload", "signature"};
    static const char *const head[] = {"alg", "jwk", "nonce", "url"};
    static const char *const payload[] = {"certificate", "reason"};

    if ((out->outer = ajson_parse(input, len)) == NULL) {
        return malformed(err, "is no JSON object");
    }
    out->head_text = ajson_string(out->outer, "protected", LIMIT_REVOKE_JWS);
    out->payload_text = ajson_string(out->outer, "payload", LIMIT_REVOKE_JWS);
    out->signature = ajson_string(out->outer, "signature", BASE64URL_LEN(SIGNATURE_MAX));
    if (!has_only(out->outer, outer, 3, NULL) || out->head_text == NULL ||
        out->payload_text == NULL || out->signature == NULL) {
        return malformed(err, "has not the members \"protected\", \"payload\" and \"signature\"");
    }
    if ((out->head = decode_json(out->head_text)) == NULL || !has_only(out->head, head, 4, NULL) ||
        ajson_string(out->head, "alg", LIMIT_WORD) == NULL ||
        ajson_string(out->head, "nonce", LIMIT_NONCE) == NULL ||
        (out->url = ajson_url(out->head, "url")) == NULL) {
        return malformed(err, "has a protected header of other members than alg, jwk, nonce, url");
    }
    if ((out->payload = decode_json(out->payload_text)) == NULL ||
        !has_only(out->payload, payload, 2, "reason") ||
        ajson_string(out->payload, "certificate", LIMIT_REVOKE_JWS) == NULL) {
        return malformed(err, "has a payload of other members than certificate, reason");
    }
    return 0;
}

static int read_reason(int *reason, const json_t *payload, struct err *err)
{
    const json_t *value = json_object_get(payload, "reason");
    char digits[24];

    *reason = 0;
    if (value == NULL) {
        return 0;
    }
    if (!json_is_integer(value)) {
        return malformed(err, "has a reason that is no number");
    }
    (void)snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    return revoke_reason_parse(reason, digits, err);
}

static int read_leaf(struct parts *parts, struct err *err)
{
    size_t len = 0;
    uint8_t *der = decode(json_string_value(json_object_get(parts->payload, "certificate")), &len);
    const unsigned char *pos = der;

    if (der != NULL) {
        parts->leaf = d2i_X509(NULL, &pos, (long)len);
    }
    bool whole = parts->leaf != NULL && (size_t)(pos - der) == len;
    free(der);
    ERR_clear_error();
    return whole ? 0 : malformed(err, "holds no certificate");
}

/* The header says the certificate's key, and the algorithm that it signs by. */
static int check_key(const struct parts *parts, struct err *err)
{
    EVP_PKEY *key = X509_get0_pubkey(parts->leaf);
    const char *alg = json_string_value(json_object_get(parts->head, "alg"));
    char *text = NULL;

    if (key == NULL || jwk_of(key, &text, NULL) < 0) {
        ERR_clear_error();
        return err_set(err, ERR_RANGE,
                       "the certificate's key signs by none of ES256, ES384 and RS256");
    }
    json_t *jwk = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool same = jwk != NULL && json_equal(jwk, json_object_get(parts->head, "jwk")) == 1 &&
                strcmp(alg, jwk_algorithm_of(key)->alg) == 0;
    free(text);
    json_decref(jwk);
    return same ? 0
                : err_set(err, ERR_RANGE,
                          "alg and jwk of the signed request are not those of the certificate's "
                          "key");
}

/* r||s (RFC 7518 3.4) as DER; 0: it is none. */
static size_t to_der(uint8_t *der, size_t cap, const uint8_t *raw, size_t coordinate)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)coordinate, NULL);
    BIGNUM *s = BN_bin2bn(raw + coordinate, (int)coordinate, NULL);
    uint8_t *pos = der;
    int len = 0;

    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else if ((len = i2d_ECDSA_SIG(sig, NULL)) > 0 && (size_t)len <= cap) {
        len = i2d_ECDSA_SIG(sig, &pos);
    } else {
        len = 0;
    }
    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t)len : 0;
}

/* RFC 7515 5.2 */
static bool verify(EVP_PKEY *key, const char *input, const uint8_t *raw, size_t raw_len)
{
    const struct jwk_algorithm *algorithm = jwk_algorithm_of(key);
    uint8_t der[SIGNATURE_MAX];
    const uint8_t *signature = raw;

    if (algorithm->coordinate != 0) {
        raw_len = raw_len == 2 * algorithm->coordinate
                      ? to_der(der, sizeof der, raw, algorithm->coordinate)
                      : 0;
        signature = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        ctx != NULL && raw_len > 0 &&
        EVP_DigestVerifyInit_ex(ctx, NULL, algorithm->digest, NULL, NULL, key, NULL) == 1 &&
        EVP_DigestVerify(ctx, signature, raw_len, (const uint8_t *)input, strlen(input)) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static int check_signature(const struct parts *parts, struct err *err)
{
    size_t len = 0;
    uint8_t *raw = decode(parts->signature, &len);
    char *input = NULL;
    bool good;

    if (raw == NULL) {
        return malformed(err, "has a signature that is not base64url without padding");
    }
    if (asprintf(&input, "%s.%s", parts->head_text, parts->payload_text) < 0) {
        free(raw);
        return no_memory(err);
    }
    good = verify(X509_get0_pubkey(parts->leaf), input, raw, len);
    free(input);
    free(raw);
    return good ? 0
                : err_set(err, ERR_POLICY,
                          "the request to revoke is not signed by the certificate's key (RFC 7518 "
                          "3.3, 3.4: for ECDSA r and s, not DER)");
}

static char *pem_of(X509 *leaf)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *pem = NULL;

    if (bio != NULL && PEM_write_bio_X509(bio, leaf) == 1) {
        long len = BIO_get_mem_data(bio, &data);
        pem = strndup(data, (size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return pem;
}

static int take(struct revoke_jws *out, const struct parts *parts, struct err *err)
{
    out->url = parts->url != NULL ? strdup(parts->url) : NULL;
    out->pem = pem_of(parts->leaf);
    out->text = json_dumps(parts->outer, JSON_COMPACT);
    if (out->url != NULL && out->pem != NULL && out->text != NULL) {
        return 0;
    }
    revoke_jws_clear(out);
    return no_memory(err);
}

int revoke_jws_check(struct revoke_jws *out, const char *input, size_t len, struct err *err)
{
    struct parts parts = {0};
    int ret;

    *out = (struct revoke_jws){0};
    if (len > LIMIT_REVOKE_JWS) {
        return err_set(err, ERR_LIMIT, "the signed request is longer than %u octets",
                       LIMIT_REVOKE_JWS);
    }
    if ((ret = parse(&parts, input, len, err)) == 0 &&
        (ret = read_reason(&out->reason, parts.payload, err)) == 0 &&
        (ret = read_leaf(&parts, err)) == 0 && (ret = check_key(&parts, err)) == 0 &&
        (ret = check_signature(&parts, err)) == 0) {
        ret = take(out, &parts, err);
    }
    parts_clear(&parts);
    return ret;
}

void revoke_jws_clear(struct revoke_jws *jws)
{
    free(jws->text);
    free(jws->url);
    free(jws->pem);
    *jws = (struct revoke_jws){0};
}

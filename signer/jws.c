#include "signer/jws.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "common/jwk.h"

/* Octets of an RSA signature by 4096 bits, the largest of ours; a DER of ECDSA has fewer. */
#define SIGNATURE_MAX 512

static int crypto_error(struct err *err, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return err_set(err, ERR_CRYPTO, "%s failed in OpenSSL%s%s", what, reason != NULL ? ": " : "",
                   reason != NULL ? reason : "");
}

int jws_thumbprint(const char *jwk, char dst[static JWS_THUMBPRINT], struct err *err)
{
    uint8_t digest[32];
    size_t len = sizeof(digest);

    if (EVP_Q_digest(NULL, "SHA256", NULL, jwk, strlen(jwk), digest, &len) != 1) {
        return crypto_error(err, "SHA-256");
    }
    base64url_encode(dst, digest, len);
    return 0;
}

/* DER of an ECDSA signature to r||s (RFC 7518 3.4). */
static int der_to_raw(const uint8_t *der, size_t len, size_t coordinate, uint8_t *raw)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

    if (sig == NULL) {
        return ERR_CRYPTO;
    }
    int n = (int)coordinate;
    int ok = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, n) == n &&
             BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + coordinate, n) == n;
    ECDSA_SIG_free(sig);
    return ok ? 0 : ERR_CRYPTO;
}

int jws_signature(EVP_PKEY *key, const uint8_t *input, size_t len, uint8_t **signature,
                  size_t *signature_len, struct err *err)
{
    const struct jwk_algorithm *a = jwk_algorithm_of(key);
    uint8_t der[SIGNATURE_MAX];
    size_t der_len = sizeof(der);
    int ret = 0;

    if (a == NULL) {
        return err_set(err, ERR_RANGE, "the key is neither RSA nor ECDSA over P-256 or P-384");
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (EVP_DigestSignInit_ex(ctx, NULL, a->digest, NULL, NULL, key, NULL) != 1 ||
        EVP_DigestSign(ctx, der, &der_len, input, len) != 1) {
        ret = crypto_error(err, "signing");
        goto err0;
    }
    *signature_len = a->coordinate != 0 ? 2 * a->coordinate : der_len;
    if ((*signature = malloc(*signature_len)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
        goto err0;
    }
    if (a->coordinate == 0) {
        memcpy(*signature, der, der_len);
    } else if (der_to_raw(der, der_len, a->coordinate, *signature) < 0) {
        free(*signature);
        *signature = NULL;
        ret = crypto_error(err, "signing");
    }
err0:
    EVP_MD_CTX_free(ctx);
    return ret;
}

/* The protected header as JSON. jansson checks UTF-8 and escapes. */
static char *header_json(const char *alg, const char *jwk, const struct jws_header *header)
{
    json_t *h = json_object();
    char *text = NULL;
    int ret = json_object_set_new(h, "alg", json_string(alg));

    if (header->kid[0] != '\0') {
        ret |= json_object_set_new(h, "kid", json_string(header->kid));
    } else {
        ret |= json_object_set_new(h, "jwk", json_loads(jwk, JSON_REJECT_DUPLICATES, NULL));
    }
    if (header->nonce[0] != '\0') {
        ret |= json_object_set_new(h, "nonce", json_string(header->nonce));
    }
    ret |= json_object_set_new(h, "url", json_string(header->url));
    if (ret == 0) {
        text = json_dumps(h, JSON_COMPACT);
    }
    json_decref(h);
    return text;
}

/* base64url(header) "." base64url(payload); *head is the length of the first part. */
static char *signing_input(const char *header, const uint8_t *payload, size_t payload_len,
                           size_t *head)
{
    size_t header_len = strlen(header);
    char *input = malloc(BASE64URL_LEN(header_len) + 1 + BASE64URL_LEN(payload_len) + 1);

    if (input == NULL) {
        return NULL;
    }
    *head = base64url_encode(input, (const uint8_t *)header, header_len);
    input[*head] = '.';
    base64url_encode(input + *head + 1, payload, payload_len);
    return input;
}

/* The three parts as flattened JSON; head: length of input's first. */
static int flatten(char **out, const char *input, size_t head, const uint8_t *raw, size_t raw_len,
                   struct err *err)
{
    char *text = malloc(BASE64URL_LEN(raw_len) + 1);
    int ret = -1;

    if (text != NULL) {
        base64url_encode(text, raw, raw_len);
        ret = asprintf(out, "{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                       (int)head, input, input + head + 1, text);
        free(text);
    }
    return ret < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

int jws_make(EVP_PKEY *key, const char *jwk, const struct jws_header *header,
             const uint8_t *payload, size_t payload_len, char **out, struct err *err)
{
    const struct jwk_algorithm *a = jwk_algorithm_of(key);
    uint8_t *raw = NULL;
    size_t raw_len = 0, head = 0;
    int ret = err_set(NULL, -ENOMEM, "out of memory");

    if (a == NULL) {
        return err_set(err, ERR_RANGE, "the key is neither RSA nor ECDSA over P-256 or P-384");
    }
    char *json = header_json(a->alg, jwk, header);
    if (json == NULL) {
        return err_set(err, ERR_MALFORMED, "url, nonce or account are not UTF-8");
    }
    char *input = signing_input(json, payload, payload_len, &head);
    if (input == NULL) {
        err_set(err, ret, "out of memory");
        goto err0;
    }
    ret = jws_signature(key, (const uint8_t *)input, strlen(input), &raw, &raw_len, err);
    if (ret == 0) {
        ret = flatten(out, input, head, raw, raw_len, err);
        free(raw);
    }
    free(input);
err0:
    free(json);
    return ret;
}

static const char *mac_digest(const char *algorithm)
{
    static const struct {
        const char *algorithm, *digest;
    } table[] = {{"HS256", "SHA256"}, {"HS384", "SHA384"}, {"HS512", "SHA512"}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].algorithm, algorithm) == 0) {
            return table[i].digest;
        }
    }
    return NULL;
}

int jws_make_mac(const struct jws_mac *mac, const char *url, const char *jwk, char **out,
                 struct err *err)
{
    const struct jws_header header = {url, "", mac->kid};
    const char *digest = mac_digest(mac->algorithm);
    uint8_t raw[EVP_MAX_MD_SIZE];
    size_t raw_len = 0, head = 0;
    int ret;

    if (digest == NULL) {
        return err_set(err, ERR_UNKNOWN, "no MAC of the name %.32s", mac->algorithm);
    }
    char *json = header_json(mac->algorithm, jwk, &header);
    if (json == NULL) {
        return err_set(err, ERR_MALFORMED, "url or kid are not UTF-8");
    }
    char *input = signing_input(json, (const uint8_t *)jwk, strlen(jwk), &head);
    free(json);
    if (input == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, mac->key, mac->key_len,
                  (const unsigned char *)input, strlen(input), raw, sizeof(raw),
                  &raw_len) == NULL) {
        ret = crypto_error(err, "HMAC");
    } else {
        ret = flatten(out, input, head, raw, raw_len, err);
    }
    free(input);
    return ret;
}

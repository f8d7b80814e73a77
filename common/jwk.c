#include "common/jwk.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/encode.h"

/* Octets of an RSA modulus of 4096 bits, the largest number in a JWK of ours. */
#define NUMBER_MAX 512

static const struct jwk_algorithm algorithms[] = {
    {"ES256", "EC", "prime256v1", "P-256", "SHA256", 32},
    {"ES384", "EC", "secp384r1", "P-384", "SHA384", 48},
    {"RS256", "RSA", NULL, NULL, "SHA256", 0},
};

const struct jwk_algorithm *jwk_algorithm_of(EVP_PKEY *key)
{
    char group[32] = "";

    if (EVP_PKEY_is_a(key, "EC") == 1 &&
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                       NULL) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        const struct jwk_algorithm *a = &algorithms[i];

        if (EVP_PKEY_is_a(key, a->type) == 1 &&
            (a->group == NULL || strcmp(a->group, group) == 0)) {
            return a;
        }
    }
    return NULL;
}

static int unreadable(struct err *err)
{
    ERR_clear_error();
    return err_set(err, ERR_CRYPTO, "reading the public key failed in OpenSSL");
}

/* A number of the key in base64url; len 0: as short as it is, else of len octets. */
static int number(EVP_PKEY *key, const char *param, size_t len, char *dst)
{
    uint8_t raw[NUMBER_MAX];
    BIGNUM *bn = NULL;
    int ret = ERR_CRYPTO;

    if (EVP_PKEY_get_bn_param(key, param, &bn) != 1) {
        return ERR_CRYPTO;
    }
    if (len == 0) {
        len = (size_t)BN_num_bytes(bn);
    }
    if (len <= sizeof(raw) && BN_bn2binpad(bn, raw, (int)len) == (int)len) {
        base64url_encode(dst, raw, len);
        ret = 0;
    }
    BN_free(bn);
    return ret;
}

int jwk_of(EVP_PKEY *key, char **jwk, struct err *err)
{
    const struct jwk_algorithm *a = jwk_algorithm_of(key);
    char one[BASE64URL_LEN(NUMBER_MAX) + 1], two[BASE64URL_LEN(NUMBER_MAX) + 1];
    int ret;

    if (a == NULL) {
        return err_set(err, ERR_RANGE, "the key is neither RSA nor ECDSA over P-256 or P-384");
    }
    if (a->group == NULL) {
        if (number(key, OSSL_PKEY_PARAM_RSA_E, 0, one) < 0 ||
            number(key, OSSL_PKEY_PARAM_RSA_N, 0, two) < 0) {
            return unreadable(err);
        }
        ret = asprintf(jwk, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", one, two);
    } else {
        if (number(key, OSSL_PKEY_PARAM_EC_PUB_X, a->coordinate, one) < 0 ||
            number(key, OSSL_PKEY_PARAM_EC_PUB_Y, a->coordinate, two) < 0) {
            return unreadable(err);
        }
        ret = asprintf(jwk, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", a->crv,
                       one, two);
    }
    return ret < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

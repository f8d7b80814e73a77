#include "client/tlsa.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 3 /* octets before the data: usage, selector, matching type */

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* Copies what OpenSSL wrote, and frees that. */
static int take_der(uint8_t **out, size_t *len, unsigned char *der, int n, struct err *err)
{
    if (n <= 0) {
        ERR_clear_error();
        return err_set(err, ERR_CRYPTO, "a key or certificate could not be written as DER");
    }
    *len = (size_t)n;
    if ((*out = malloc(*len)) != NULL) {
        memcpy(*out, der, *len);
    }
    OPENSSL_free(der);
    return *out == NULL ? no_memory(err) : 0;
}

int tlsa_spki(uint8_t **spki, size_t *len, EVP_PKEY *key, struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    return take_der(spki, len, der, n, err);
}

int tlsa_parse(struct tlsa *out, const uint8_t *rdata, size_t len)
{
    if (len < HEAD) {
        return ERR_MALFORMED;
    }
    *out = (struct tlsa){.usage = rdata[0],
                         .selector = rdata[1],
                         .matching = rdata[2],
                         .data = rdata + HEAD,
                         .len = len - HEAD};
    return 0;
}

/* Whether the data is one certificate or key in DER, and nothing behind it. */
static bool is_der(const struct tlsa *tlsa)
{
    const unsigned char *p = tlsa->data;
    bool good;
    if (tlsa->selector == TLSA_CERT) {
        X509 *cert = d2i_X509(NULL, &p, (long)tlsa->len);
        good = cert != NULL;
        X509_free(cert);
    } else {
        EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)tlsa->len);
        good = key != NULL;
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    return good && p == tlsa->data + tlsa->len;
}

const char *tlsa_unusable(const struct tlsa *tlsa)
{
    if (tlsa->usage > TLSA_DANE_EE) {
        return "nobody knows its usage";
    }
    if (tlsa->selector > TLSA_SPKI) {
        return "nobody knows its selector";
    }
    if (tlsa->matching > TLSA_SHA512) {
        return "nobody knows its matching type";
    }
    if (tlsa->matching == TLSA_SHA256 && tlsa->len != 32) {
        return "its digest is not one of SHA-256, which has 32 octets";
    }
    if (tlsa->matching == TLSA_SHA512 && tlsa->len != 64) {
        return "its digest is not one of SHA-512, which has 64 octets";
    }
    if (tlsa->matching == TLSA_FULL && !is_der(tlsa)) {
        return tlsa->selector == TLSA_CERT ? "its data is no certificate"
                                           : "its data is no public key";
    }
    return NULL;
}

const char *tlsa_unusable_smtp(const struct tlsa *tlsa)
{
    return tlsa->usage <= TLSA_PKIX_EE ? "mail servers do not use usages 0 and 1 (RFC 7672 3.1.3)"
                                       : tlsa_unusable(tlsa);
}

/* Digest, or all of it; takes der over. */
static int finish(uint8_t **data, size_t *len, uint8_t matching, uint8_t *der, size_t der_len,
                  struct err *err)
{
    const EVP_MD *md = matching == TLSA_SHA256 ? EVP_sha256() : EVP_sha512();
    unsigned int n = 0;
    if (matching == TLSA_FULL) {
        *data = der;
        *len = der_len;
        return 0;
    }
    int ret = (*data = malloc(EVP_MAX_MD_SIZE)) == NULL ? no_memory(err) : 0;
    if (ret == 0 && EVP_Digest(der, der_len, *data, &n, md, NULL) != 1) {
        ERR_clear_error();
        free(*data);
        *data = NULL;
        ret = err_set(err, ERR_CRYPTO, "a digest could not be made");
    }
    *len = n;
    free(der);
    return ret;
}

static int of_spki(uint8_t **data, size_t *len, uint8_t matching, const struct tlsa_of *of,
                   struct err *err)
{
    uint8_t *copy = malloc(of->spki_len);
    if (copy == NULL) {
        return no_memory(err);
    }
    memcpy(copy, of->spki, of->spki_len);
    return finish(data, len, matching, copy, of->spki_len, err);
}

static int of_cert(uint8_t **data, size_t *len, const struct tlsa *kind, X509 *cert,
                   struct err *err)
{
    unsigned char *der = NULL;
    uint8_t *copy = NULL;
    size_t copy_len = 0;
    int n = kind->selector == TLSA_SPKI ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der)
                                        : i2d_X509(cert, &der);
    int ret = take_der(&copy, &copy_len, der, n, err);
    return ret < 0 ? ret : finish(data, len, kind->matching, copy, copy_len, err);
}

static bool of_issuer(const struct tlsa *kind)
{
    return kind->usage == TLSA_PKIX_TA || kind->usage == TLSA_DANE_TA;
}

int tlsa_data(uint8_t **data, size_t *len, const struct tlsa *kind, const struct tlsa_of *of,
              struct err *err)
{
    size_t count = of->chain == NULL ? 0 : of->chain->count;
    if (of_issuer(kind)) {
        if (count < 2 || X509_check_ca(of->chain->certs[1]) == 0) {
            return err_set(err, ERR_NOT_FOUND,
                           "there is no issuer's certificate to make the record of");
        }
        return of_cert(data, len, kind, of->chain->certs[1], err);
    }
    if (kind->selector == TLSA_SPKI) {
        return of_spki(data, len, kind->matching, of, err);
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no certificate to make the record of");
    }
    return of_cert(data, len, kind, of->chain->certs[0], err);
}

static bool kind_of(struct tlsa *kind, const char *type)
{
    if (strlen(type) != 3 || type[0] < '0' || type[0] > '3' || type[1] < '0' || type[1] > '1' ||
        type[2] < '0' || type[2] > '2') {
        return false;
    }
    *kind = (struct tlsa){.usage = (uint8_t)(type[0] - '0'),
                          .selector = (uint8_t)(type[1] - '0'),
                          .matching = (uint8_t)(type[2] - '0')};
    return true;
}

int tlsa_make(uint8_t **rdata, size_t *len, const char *type, const struct tlsa_of *of,
              struct err *err)
{
    struct tlsa kind;
    uint8_t *data = NULL;
    size_t data_len = 0;
    if (!kind_of(&kind, type)) {
        return err_set(err, ERR_UNKNOWN, "'%.20s' is no type of TLSA record", type);
    }
    int ret = tlsa_data(&data, &data_len, &kind, of, err);
    if (ret < 0 || data == NULL) {
        return ret;
    }
    *len = data_len + HEAD;
    if ((*rdata = malloc(*len)) == NULL) {
        free(data);
        return no_memory(err);
    }
    (*rdata)[0] = kind.usage;
    (*rdata)[1] = kind.selector;
    (*rdata)[2] = kind.matching;
    memcpy(*rdata + HEAD, data, data_len);
    free(data);
    return 0;
}

/* Whether data is that of the record; takes it over. */
static bool same(const struct tlsa *tlsa, int ret, uint8_t *data, size_t len)
{
    if (ret < 0 || data == NULL) {
        return false;
    }
    bool equal = len == tlsa->len && memcmp(data, tlsa->data, len) == 0;
    free(data);
    return equal;
}

/* Whether the certificate or key in a record has signed one of the chain. */
static bool has_signed(const struct tlsa *tlsa, const struct chain *chain)
{
    const unsigned char *p = tlsa->data;
    X509 *cert = tlsa->selector == TLSA_CERT ? d2i_X509(NULL, &p, (long)tlsa->len) : NULL;
    EVP_PKEY *key = tlsa->selector == TLSA_SPKI ? d2i_PUBKEY(NULL, &p, (long)tlsa->len)
                    : cert != NULL              ? X509_get_pubkey(cert)
                                                : NULL;
    bool yes = false;
    for (size_t i = 0; key != NULL && !yes && i < chain->count; i++) {
        yes = (cert == NULL || X509_check_issued(cert, chain->certs[i]) == X509_V_OK) &&
              X509_verify(chain->certs[i], key) == 1;
    }
    EVP_PKEY_free(key);
    X509_free(cert);
    ERR_clear_error();
    return yes;
}

bool tlsa_matches(const struct tlsa *tlsa, const struct tlsa_of *of)
{
    uint8_t *data = NULL;
    size_t len = 0;
    if (tlsa->usage > TLSA_DANE_EE || tlsa->selector > TLSA_SPKI || tlsa->matching > TLSA_SHA512) {
        return false;
    }
    if (!of_issuer(tlsa)) {
        int ret = tlsa_data(&data, &len, tlsa, of, NULL);
        return same(tlsa, ret, data, len);
    }
    for (size_t i = 1; of->chain != NULL && i < of->chain->count; i++) {
        data = NULL;
        int ret = of_cert(&data, &len, tlsa, of->chain->certs[i], NULL);
        if (same(tlsa, ret, data, len)) {
            return true;
        }
    }
    return tlsa->matching == TLSA_FULL && of->chain != NULL && has_signed(tlsa, of->chain);
}

int tlsa_owner(char dst[static LIMIT_DOMAIN_TEXT + 1], int64_t port, const char *protocol,
               const char *name, struct err *err)
{
    if (port < 1 || port > 65535) {
        return err_set(err, ERR_RANGE, "%lld is no port: 1 to 65535 are", (long long)port);
    }
    int n = snprintf(dst, LIMIT_DOMAIN_TEXT + 1, "_%d._%s.%s", (int)port, protocol, name);
    if (n < 0 || n > LIMIT_DOMAIN_TEXT) {
        return err_set(err, ERR_LIMIT,
                       "_%d._%s.%s is longer than the %d octets of a name: there can be no TLSA "
                       "records for it",
                       (int)port, protocol, name, LIMIT_DOMAIN_TEXT);
    }
    return 0;
}

char *tlsa_line(const char *owner, const uint8_t *rdata, size_t len)
{
    static const char digits[] = "0123456789ABCDEF"; /* as certgrinder's */
    struct tlsa tlsa;
    size_t room = strlen(owner) + sizeof(". IN TLSA 255 255 255 ") + len * 2;
    char *line = tlsa_parse(&tlsa, rdata, len) < 0 ? NULL : malloc(room);
    if (line == NULL) {
        return NULL;
    }
    int n = snprintf(line, room, "%s. IN TLSA %u %u %u ", owner, tlsa.usage, tlsa.selector,
                     tlsa.matching);
    char *p = line + n;
    for (size_t i = 0; i < tlsa.len; i++) {
        *p++ = digits[tlsa.data[i] >> 4];
        *p++ = digits[tlsa.data[i] & 15];
    }
    *p = '\0';
    return line;
}

const char *tlsa_caution(const char *type)
{
    if (strcmp(type, "211") == 0) {
        return "2 1 1 records are of the CA's intermediate certificate. CAs change these without "
               "notice and pick one of several at random: a renewal may come from another, and "
               "then TLS fails for all who look at the record. 3 1 1 does not have that";
    }
    if (strcmp(type, "301") == 0) {
        return "3 0 1 records are of the certificate itself, which changes at each renewal: the "
               "record must be replaced each time, and TLS fails in between. 3 1 1 stays as long "
               "as the key does";
    }
    return NULL;
}

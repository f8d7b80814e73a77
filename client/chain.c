#include "client/chain.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/domainset.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

/* One PEM block of len octets, which holds one certificate and nothing after it. */
static X509 *read_block(const char *block, size_t len)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    X509 *cert = NULL;
    BIO *bio = BIO_new_mem_buf(block, (int)len);
    if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1 && *header == '\0') {
        const unsigned char *p = der;
        cert = d2i_X509(NULL, &p, der_len);
        if (cert != NULL && p != der + der_len) {
            X509_free(cert);
            cert = NULL;
        }
    }
    ERR_clear_error();
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    return cert;
}

static size_t skip_blanks(const char *pem, size_t pos, size_t len)
{
    while (pos < len && strchr(" \t\r\n", pem[pos]) != NULL && pem[pos] != '\0') {
        pos++;
    }
    return pos;
}

/* The block at pos; moves pos behind it. */
static int take_block(struct chain *out, const char *pem, size_t *pos, size_t len, struct err *err)
{
    const char *begin = pem + *pos, *end;
    if (len - *pos < strlen(BEGIN) || memcmp(begin, BEGIN, strlen(BEGIN)) != 0) {
        return err_set(err, ERR_MALFORMED,
                       "the server sent something else than certificates (octet %zu of its output)",
                       *pos + 1);
    }
    if ((end = memmem(begin, len - *pos, END, strlen(END))) == NULL) {
        return err_set(err, ERR_MALFORMED, "certificate %zu of the chain is cut short",
                       out->count + 1);
    }
    if (out->count == CHAIN_MAX) {
        return err_set(err, ERR_LIMIT, "the chain has more than %d certificates", CHAIN_MAX);
    }
    end += strlen(END);
    X509 *cert = read_block(begin, (size_t)(end - begin));
    if (cert == NULL) {
        return err_set(err, ERR_MALFORMED, "certificate %zu of the chain cannot be read",
                       out->count + 1);
    }
    out->certs[out->count++] = cert;
    *pos = (size_t)(end - pem);
    return 0;
}

int chain_parse(struct chain *out, const char *pem, size_t len, struct err *err)
{
    size_t pos = skip_blanks(pem, 0, len);
    int ret = 0;
    *out = (struct chain){0};
    if (len > LIMIT_CHAIN_PEM) {
        return err_set(err, ERR_LIMIT, "the chain is larger than %u KiB", LIMIT_CHAIN_PEM >> 10);
    }
    if (pos == len) {
        return err_set(err, ERR_MALFORMED,
                       "there is no certificate: what the server sent, or the file, is empty");
    }
    while (ret == 0 && pos < len) {
        ret = take_block(out, pem, &pos, len, err);
        pos = skip_blanks(pem, pos, len);
    }
    if (ret < 0) {
        chain_clear(out);
    }
    return ret;
}

void chain_clear(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certs[i]);
    }
    *chain = (struct chain){0};
}

/* A DNS name of a certificate in normal form. */
static int dns_name(char dst[static 254], const GENERAL_NAME *general, struct err *err)
{
    char text[LIMIT_DOMAIN_TEXT + 1];
    if (general->type != GEN_DNS) {
        return err_set(err, ERR_CORRUPT, "the certificate has a name that is not a DNS name");
    }
    const unsigned char *data = ASN1_STRING_get0_data(general->d.dNSName);
    int len = ASN1_STRING_length(general->d.dNSName);
    if (len < 0 || len > LIMIT_DOMAIN_TEXT || memchr(data, '\0', (size_t)len) != NULL) {
        return err_set(err, ERR_CORRUPT, "the certificate has a name that is no DNS name");
    }
    memcpy(text, data, (size_t)len);
    text[len] = '\0';
    return domain_normalize(dst, text, err) < 0 ? ERR_CORRUPT : 0;
}

static int find_name(const struct chain_wish *wish, const char *name)
{
    for (size_t i = 0; i < wish->count; i++) {
        if (strcmp(wish->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int check_each_name(const GENERAL_NAMES *names, const struct chain_wish *wish,
                           struct err *err)
{
    bool seen[LIMIT_NAMES] = {false};
    char name[LIMIT_DOMAIN_TEXT + 1];
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int ret = dns_name(name, sk_GENERAL_NAME_value(names, i), err);
        if (ret < 0) {
            return ret;
        }
        if ((ret = find_name(wish, name)) < 0) {
            return err_set(err, ERR_CORRUPT,
                           "the certificate is for %s as well, which was not asked for", name);
        }
        seen[ret] = true;
    }
    for (size_t i = 0; i < wish->count; i++) {
        if (!seen[i]) {
            return err_set(err, ERR_CORRUPT, "the certificate is not for %s", wish->names[i]);
        }
    }
    return 0;
}

int chain_check_names(const X509 *leaf, const struct chain_wish *wish, struct err *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    if (names == NULL) {
        return err_set(err, ERR_CORRUPT, "the certificate names no domain");
    }
    if (wish->count > LIMIT_NAMES) {
        GENERAL_NAMES_free(names);
        return err_set(err, ERR_LIMIT, "more than %d names", LIMIT_NAMES);
    }
    int ret = check_each_name(names, wish, err);
    GENERAL_NAMES_free(names);
    return ret;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

int64_t chain_not_before(const X509 *cert)
{
    return seconds_of(X509_get0_notBefore(cert));
}

int64_t chain_not_after(const X509 *cert)
{
    return seconds_of(X509_get0_notAfter(cert));
}

static int check_dates(const X509 *cert, size_t number, int64_t now, struct err *err)
{
    int64_t from = seconds_of(X509_get0_notBefore(cert)), to = chain_not_after(cert);
    if (from < 0 || to < 0 || to <= from) {
        return err_set(err, ERR_CORRUPT, "certificate %zu of the chain has no sane validity",
                       number);
    }
    if (from > now && from - now > CHAIN_SKEW_S) {
        return err_set(err, ERR_CORRUPT,
                       "certificate %zu of the chain is not valid yet: is this host's clock right?",
                       number);
    }
    if (to <= now) {
        return err_set(err, ERR_CORRUPT,
                       "certificate %zu of the chain has expired: is this host's clock right?",
                       number);
    }
    return 0;
}

int chain_check_link(const struct chain *chain, size_t i, struct err *err)
{
    X509 *subject = chain->certs[i], *issuer = chain->certs[i + 1];
    if (X509_check_issued(issuer, subject) != X509_V_OK || X509_check_ca(issuer) == 0) {
        return err_set(err, ERR_CORRUPT,
                       "certificate %zu of the chain is not the issuer of certificate %zu", i + 2,
                       i + 1);
    }
    if (X509_verify(subject, X509_get0_pubkey(issuer)) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_CORRUPT, "the signature of certificate %zu of the chain is wrong",
                       i + 1);
    }
    return 0;
}

int chain_check(const struct chain *chain, const struct chain_wish *wish, struct err *err)
{
    int ret;
    X509 *leaf = chain->certs[0];
    if (chain->count == 0) {
        return err_set(err, ERR_CORRUPT, "the chain is empty");
    }
    if (wish->length != 0 && chain->count != wish->length) {
        return err_set(err, ERR_CORRUPT,
                       "the chain has %zu certificates, expected-chain-length says %zu",
                       chain->count, wish->length);
    }
    if (X509_get0_pubkey(leaf) == NULL || EVP_PKEY_eq(X509_get0_pubkey(leaf), wish->key) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_CORRUPT, "the certificate is for another key than ours");
    }
    if ((X509_get_extension_flags(leaf) & EXFLAG_SS) != 0) {
        return err_set(err, ERR_CORRUPT, "the certificate is signed by itself");
    }
    if ((ret = chain_check_names(leaf, wish, err)) < 0) {
        return ret;
    }
    for (size_t i = 0; i < chain->count; i++) {
        if ((ret = check_dates(chain->certs[i], i + 1, wish->now, err)) < 0) {
            return ret;
        }
        if (i + 1 < chain->count && (ret = chain_check_link(chain, i, err)) < 0) {
            return ret;
        }
    }
    return 0;
}

int chain_pem(const struct chain *chain, size_t first, size_t count, char **pem, size_t *len,
              struct err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    int ret = bio == NULL ? ERR_CRYPTO : 0;
    *pem = NULL;
    for (size_t i = first; ret == 0 && i < first + count && i < chain->count; i++) {
        ret = PEM_write_bio_X509(bio, chain->certs[i]) == 1 ? 0 : ERR_CRYPTO;
    }
    if (ret == 0) {
        *len = (size_t)BIO_get_mem_data(bio, &data);
        *pem = malloc(*len + 1);
        ret = *pem == NULL ? -ENOMEM : 0;
    }
    if (ret == 0) {
        memcpy(*pem, *len > 0 ? data : "", *len);
        (*pem)[*len] = '\0';
    }
    BIO_free(bio);
    return ret == 0 ? 0 : err_set(err, ret, "the chain could not be written as PEM");
}

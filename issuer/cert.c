#include "issuer/cert.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/limits.h"
#include "issuer/cert_chain.h"
#include "issuer/x509_text.h"

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory while reading a certificate");
}

static int add(STACK_OF(X509) * chain, BIO *bio, struct err *err)
{
    X509 *cert;

    if (sk_X509_num(chain) == LIMIT_CHAIN) {
        return err_set(err, ERR_LIMIT, "the chain has more than %d certificates", LIMIT_CHAIN);
    }
    if ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL) {
        return err_set(err, ERR_MALFORMED, "certificate %d of the chain is damaged or truncated",
                       sk_X509_num(chain) + 1);
    }
    if (sk_X509_push(chain, cert) == 0) {
        X509_free(cert);
        return out_of_memory(err);
    }
    return 0;
}

/* How many PEM blocks of any kind text has, and whether all are certificates. */
static size_t count_blocks(const char *pem, size_t len, bool *foreign)
{
    static const char begin[] = "-----BEGIN ", want[] = "CERTIFICATE-----";
    const char *pos = pem, *end = pem + len;
    size_t count = 0;

    *foreign = false;
    while ((pos = memmem(pos, (size_t)(end - pos), begin, sizeof begin - 1)) != NULL) {
        pos += sizeof begin - 1;
        count++;
        if (sizeof want - 1 > (size_t)(end - pos) || memcmp(pos, want, sizeof want - 1) != 0) {
            *foreign = true;
        }
    }
    return count;
}

static int read_chain(STACK_OF(X509) * *out, const char *pem, size_t len, size_t count,
                      struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    STACK_OF(X509) *chain = sk_X509_new_null();
    int ret = bio != NULL && chain != NULL ? 0 : out_of_memory(err);

    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = add(chain, bio, err);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (ret == 0) {
        *out = chain;
    } else {
        cert_chain_free(chain);
    }
    return ret;
}

int cert_chain_read(STACK_OF(X509) * *out, const char *pem, size_t len, struct err *err)
{
    bool foreign;
    size_t count;

    *out = NULL;
    if (len > LIMIT_CHAIN_PEM) {
        return err_set(err, ERR_LIMIT,
                       "the input has %zu bytes; a certificate chain of at most %u is taken", len,
                       LIMIT_CHAIN_PEM);
    }
    if (len == 0) {
        return err_set(err, ERR_MALFORMED,
                       "the input is empty: send a certificate chain in PEM form, leaf first");
    }
    if (memchr(pem, '\0', len) != NULL) {
        return err_set(err, ERR_MALFORMED,
                       "the input is binary: send the certificate chain in PEM form, not in DER");
    }
    count = count_blocks(pem, len, &foreign);
    if (count == 0) {
        return err_set(err, ERR_MALFORMED,
                       "the input is not a certificate in PEM form: no line of it begins a "
                       "CERTIFICATE");
    }
    if (foreign) {
        return err_set(err, ERR_MALFORMED,
                       "the input holds a PEM block that is not a certificate: send the chain "
                       "only");
    }
    return read_chain(out, pem, len, count, err);
}

void cert_chain_free(STACK_OF(X509) * chain)
{
    sk_X509_pop_free(chain, X509_free);
}

static char *ocsp_url(X509 *leaf)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
    char *url = NULL;

    if (sk_OPENSSL_STRING_num(urls) > 0) {
        url = strdup(sk_OPENSSL_STRING_value(urls, 0));
    }
    X509_email_free(urls);
    return url;
}

static int fill(struct cert *out, X509 *leaf, struct err *err)
{
    GENERAL_NAMES *san = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    out->serial = x509_text_serial(X509_get0_serialNumber(leaf));
    out->names = x509_text_san(san);
    out->subject = x509_text_name(X509_get_subject_name(leaf));
    out->issuer = x509_text_name(X509_get_issuer_name(leaf));
    out->not_before = x509_text_time(X509_get0_notBefore(leaf));
    out->not_after = x509_text_time(X509_get0_notAfter(leaf));
    out->ocsp_url = ocsp_url(leaf);
    GENERAL_NAMES_free(san);
    if (x509_text_spki(out->spki_sha256, X509_get_X509_PUBKEY(leaf)) < 0 || out->serial == NULL ||
        out->names == NULL || out->subject == NULL || out->issuer == NULL) {
        return out_of_memory(err);
    }
    if (out->not_before == INT64_MIN || out->not_after == INT64_MIN) {
        return err_set(err, ERR_MALFORMED, "the validity of the certificate cannot be read");
    }
    return 0;
}

int cert_parse(struct cert *out, const char *pem, size_t len, struct err *err)
{
    STACK_OF(X509) * chain;
    int ret;

    memset(out, 0, sizeof *out);
    if ((ret = cert_chain_read(&chain, pem, len, err)) < 0) {
        return ret;
    }
    out->count = (size_t)sk_X509_num(chain);
    if ((ret = fill(out, sk_X509_value(chain, 0), err)) < 0) {
        cert_clear(out);
    }
    cert_chain_free(chain);
    ERR_clear_error();
    return ret;
}

void cert_clear(struct cert *cert)
{
    free(cert->serial);
    free(cert->names);
    free(cert->subject);
    free(cert->issuer);
    free(cert->ocsp_url);
    memset(cert, 0, sizeof *cert);
}

int cert_describe(const char *pem, size_t len, char **text, struct err *err)
{
    STACK_OF(X509) * chain;
    size_t text_len;
    FILE *out;
    int ret;

    *text = NULL;
    if ((ret = cert_chain_read(&chain, pem, len, err)) < 0) {
        return ret;
    }
    if ((out = open_memstream(text, &text_len)) == NULL) {
        cert_chain_free(chain);
        return out_of_memory(err);
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (i > 0) {
            (void)fputc('\n', out);
        }
        x509_text_certificate(out, sk_X509_value(chain, i));
    }
    cert_chain_free(chain);
    ERR_clear_error();
    if (fclose(out) == 0) {
        return 0;
    }
    free(*text);
    *text = NULL;
    return out_of_memory(err);
}

#include "issuer/order_chain.h"

#include <errno.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/limits.h"
#include "issuer/cert_chain.h"
#include "issuer/x509_text.h"

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* Copies the blocks, without what stands around them (RFC 7468 5.2 allows text there; nobody
 * downstream needs it) and without CRs. */
static char *copy_blocks(const char *pem, size_t len)
{
    const char *end = pem + len;
    char *out = malloc(len + 2), *to = out;
    bool inside = false;

    while (out != NULL && pem < end) {
        const char *lf = memchr(pem, '\n', (size_t)(end - pem));
        const char *stop = lf != NULL ? lf : end;
        size_t n = (size_t)(stop - pem);
        while (n > 0 && (pem[n - 1] == '\r' || pem[n - 1] == ' ')) {
            n--;
        }
        if (n >= 11 && memcmp(pem, "-----BEGIN ", 11) == 0) {
            inside = true;
        }
        if (inside && n > 0) {
            memcpy(to, pem, n);
            to += n;
            *to++ = '\n';
        }
        if (n >= 9 && memcmp(pem, "-----END ", 9) == 0) {
            inside = false;
        }
        pem = lf != NULL ? lf + 1 : end;
    }
    if (out != NULL) {
        *to = '\0';
    }
    return out;
}

static int check_key(X509 *leaf, const struct order_chain_wanted *wanted, struct err *err)
{
    const uint8_t *p = wanted->csr;
    X509_REQ *csr = d2i_X509_REQ(NULL, &p, (long)wanted->csr_len);
    int ret = 0;

    if (csr == NULL) {
        return err_set(err, ERR_INTERNAL, "our own copy of the CSR does not parse");
    }
    if (X509_PUBKEY_eq(X509_REQ_get_X509_PUBKEY(csr), X509_get_X509_PUBKEY(leaf)) != 1) {
        ret = err_set(err, ERR_CA, "the certificate has another key than the CSR");
    }
    X509_REQ_free(csr);
    return ret;
}

static bool has_name(const GENERAL_NAMES *names, const char *wanted)
{
    size_t len = strlen(wanted);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS && (size_t)ASN1_STRING_length(name->d.dNSName) == len &&
            strncasecmp((const char *)ASN1_STRING_get0_data(name->d.dNSName), wanted, len) == 0) {
            return true;
        }
    }
    return false;
}

/* As many as wanted (which has no doubles), and each of the wanted among them: then no others. */
static int check_names(X509 *leaf, const struct order_chain_wanted *wanted, struct err *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool good = names != NULL && (size_t)sk_GENERAL_NAME_num(names) == wanted->name_count;

    for (size_t i = 0; good && i < wanted->name_count; i++) {
        good = has_name(names, wanted->names[i]);
    }
    GENERAL_NAMES_free(names);
    return good ? 0 : err_set(err, ERR_CA, "the certificate has other names than were ordered");
}

static char *issuer_name(X509 *cert)
{
    const X509_NAME *name = X509_get_issuer_name(cert);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *utf8 = NULL;
    char *copy;

    if (at < 0) {
        return strdup("");
    }
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    copy = len > 0 ? strndup((char *)utf8, (size_t)len) : strdup("");
    OPENSSL_free(utf8);
    return copy;
}

int order_chain_parse(struct order_chain *out, const char *pem, size_t len,
                      const struct order_chain_wanted *wanted, struct err *err)
{
    STACK_OF(X509) *certs = NULL;
    int ret = cert_chain_read(&certs, pem, len, err);

    *out = (struct order_chain){0};
    if (ret < 0) {
        return ret;
    }
    X509 *leaf = sk_X509_value(certs, 0);
    X509 *last = sk_X509_value(certs, sk_X509_num(certs) - 1);
    if ((ret = check_key(leaf, wanted, err)) < 0 || (ret = check_names(leaf, wanted, err)) < 0) {
        goto out;
    }
    out->pem = copy_blocks(pem, len);
    out->issuer = issuer_name(last);
    out->serial = x509_text_serial(X509_get0_serialNumber(leaf));
    out->not_after = x509_text_time(X509_get0_notAfter(leaf));
    if (out->pem == NULL || out->issuer == NULL || out->serial == NULL) {
        order_chain_clear(out);
        ret = out_of_memory(err);
    }
out:
    cert_chain_free(certs);
    return ret;
}

void order_chain_clear(struct order_chain *chain)
{
    free(chain->pem);
    free(chain->issuer);
    free(chain->serial);
    *chain = (struct order_chain){0};
}

bool order_chain_issued_by(const struct order_chain *chain, const char *preferred)
{
    const char *a = chain->issuer, *b = preferred;

    for (; *a != '\0' && *b != '\0'; a++, b++) {
        char x = *a == '_' ? ' ' : *a, y = *b == '_' ? ' ' : *b;
        if (x != y) {
            return false;
        }
    }
    return *a == *b;
}

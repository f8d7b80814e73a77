#include "issuer/order_chain.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/encode.h"
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

/* -- is it a chain? -- */

static int check_link(X509 *cert, X509 *issuer, int at, struct err *err)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    int ca = X509_check_ca(issuer);

    if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) != 0) {
        return err_set(err, ERR_CA, "certificate %d of the chain was not issued by the next one",
                       at + 1);
    }
    if (ca != 1 && ca != 3) { /* 3: a self-signed one of version 1, as old roots are */
        return err_set(err, ERR_CA, "certificate %d of the chain is no CA's", at + 2);
    }
    if (key == NULL || X509_verify(cert, key) != 1) {
        return err_set(err, ERR_CA,
                       "the signature of certificate %d of the chain is not the next one's",
                       at + 1);
    }
    return 0;
}

static int check_chain(STACK_OF(X509) * certs, struct err *err)
{
    int ret = 0;

    for (int i = 0; ret == 0 && i + 1 < sk_X509_num(certs); i++) {
        ret = check_link(sk_X509_value(certs, i), sk_X509_value(certs, i + 1), i, err);
    }
    return ret;
}

static int check_time(X509 *leaf, int64_t now, struct err *err)
{
    int64_t until = x509_text_time(X509_get0_notAfter(leaf));

    if (until == INT64_MIN) {
        return err_set(err, ERR_MALFORMED, "the validity of the certificate cannot be read");
    }
    if (now > 0 && until <= now) {
        return err_set(err, ERR_CA, "the certificate has expired already: is the clock right?");
    }
    return 0;
}

static int check(STACK_OF(X509) * certs, const struct order_chain_wanted *wanted, struct err *err)
{
    X509 *leaf = sk_X509_value(certs, 0);
    int ret;

    if ((ret = check_key(leaf, wanted, err)) < 0 || (ret = check_names(leaf, wanted, err)) < 0 ||
        (ret = check_time(leaf, wanted->now, err)) < 0) {
        return ret;
    }
    return check_chain(certs, err);
}

/* -- what is kept of it -- */

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

static int fill(struct order_chain *out, STACK_OF(X509) * certs, const char *pem, size_t len,
                struct err *err)
{
    X509 *leaf = sk_X509_value(certs, 0);

    for (int i = 0; i < sk_X509_num(certs) && i < LIMIT_CHAIN; i++) {
        X509 *cert = sk_X509_value(certs, i);
        if (X509_digest(cert, EVP_sha256(), out->fingerprints[i], NULL) != 1) {
            return err_set(err, ERR_CRYPTO, "no fingerprint could be made");
        }
        if ((out->issuers[i] = issuer_name(cert)) == NULL) {
            return out_of_memory(err);
        }
        out->count++;
    }
    if (out->count == 0) {
        return err_set(err, ERR_MALFORMED, "the chain is empty");
    }
    out->issuer = out->issuers[out->count - 1];
    out->pem = copy_blocks(pem, len);
    out->serial = x509_text_serial(X509_get0_serialNumber(leaf));
    out->not_after = x509_text_time(X509_get0_notAfter(leaf));
    if (out->pem == NULL || out->serial == NULL) {
        return out_of_memory(err);
    }
    return 0;
}

static int take(struct order_chain *out, const char *pem, size_t len,
                const struct order_chain_wanted *wanted, struct err *err)
{
    STACK_OF(X509) *certs = NULL;
    int ret = cert_chain_read(&certs, pem, len, err);

    *out = (struct order_chain){0};
    if (ret < 0) {
        return ret;
    }
    ret = wanted != NULL ? check(certs, wanted, err) : 0;
    if (ret == 0 && (ret = fill(out, certs, pem, len, err)) < 0) {
        order_chain_clear(out);
    }
    cert_chain_free(certs);
    ERR_clear_error();
    return ret;
}

int order_chain_parse(struct order_chain *out, const char *pem, size_t len,
                      const struct order_chain_wanted *wanted, struct err *err)
{
    return take(out, pem, len, wanted, err);
}

int order_chain_read(struct order_chain *out, const char *pem, size_t len, struct err *err)
{
    return take(out, pem, len, NULL, err);
}

void order_chain_clear(struct order_chain *chain)
{
    free(chain->pem);
    free(chain->serial);
    for (size_t i = 0; i < chain->count; i++) {
        free(chain->issuers[i]);
    }
    *chain = (struct order_chain){0};
}

/* -- the choice -- */

static bool same_name(const char *name, const char *preferred)
{
    const char *a = name, *b = preferred;

    for (; *a != '\0' && *b != '\0'; a++, b++) {
        char x = *a == '_' ? ' ' : *a, y = *b == '_' ? ' ' : *b;
        if (x != y) {
            return false;
        }
    }
    return *a == *b;
}

static bool read_fingerprint(uint8_t dst[static 32], const char *text)
{
    char digits[65];
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (*text == ':') {
            continue;
        }
        if (n == 64) {
            return false;
        }
        digits[n++] = *text;
    }
    digits[n] = '\0';
    return n == 64 && hex_decode(dst, digits, 32) == 0;
}

enum order_chain_fit order_chain_fit(const struct order_chain *chain, const char *preferred)
{
    uint8_t fingerprint[32];

    if (read_fingerprint(fingerprint, preferred)) {
        for (size_t i = 1; i < chain->count; i++) {
            if (memcmp(chain->fingerprints[i], fingerprint, 32) == 0) {
                return ORDER_CHAIN_ENDS;
            }
        }
        return ORDER_CHAIN_OTHER;
    }
    if (chain->issuer != NULL && same_name(chain->issuer, preferred)) {
        return ORDER_CHAIN_ENDS;
    }
    for (size_t i = 0; i < chain->count; i++) {
        if (same_name(chain->issuers[i], preferred)) {
            return ORDER_CHAIN_THROUGH;
        }
    }
    return ORDER_CHAIN_OTHER;
}

bool order_chain_pick(size_t *index, char *const *chains, size_t count, const char *preferred)
{
    enum order_chain_fit best = ORDER_CHAIN_OTHER;

    *index = 0;
    for (size_t i = 0; preferred != NULL && *preferred != '\0' && i < count; i++) {
        struct order_chain chain;
        if (order_chain_read(&chain, chains[i], strlen(chains[i]), NULL) < 0) {
            continue;
        }
        enum order_chain_fit fit = order_chain_fit(&chain, preferred);
        order_chain_clear(&chain);
        if (fit > best) {
            best = fit;
            *index = i;
        }
    }
    return best != ORDER_CHAIN_OTHER;
}

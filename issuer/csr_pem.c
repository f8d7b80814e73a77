#include "issuer/csr_pem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"

static const char *const labels[] = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"};

struct span {
    const char *pos, *end;
};

static const char *find(struct span s, const char *what)
{
    return s.pos < s.end ? memmem(s.pos, (size_t)(s.end - s.pos), what, strlen(what)) : NULL;
}

static bool starts_with(struct span s, const char *what)
{
    size_t len = strlen(what);

    return len <= (size_t)(s.end - s.pos) && memcmp(s.pos, what, len) == 0;
}

static bool is_blank(struct span s)
{
    for (; s.pos < s.end; s.pos++) {
        if (strchr(" \t\r\n", *s.pos) == NULL || *s.pos == '\0') {
            return false;
        }
    }
    return true;
}

static bool is_text(struct span s)
{
    for (; s.pos < s.end; s.pos++) {
        unsigned char c = (unsigned char)*s.pos;

        if (c == 0x7f || (c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f')) {
            return false;
        }
    }
    return true;
}

/* Which label follows BEGIN or END at s.pos (behind the word), or NULL. */
static const char *label_at(struct span s)
{
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        struct span after = {s.pos + strlen(labels[i]), s.end};

        if (starts_with(s, labels[i]) && starts_with(after, DASHES)) {
            return labels[i];
        }
    }
    return NULL;
}

static int refuse_foreign(struct span s, struct err *err)
{
    const char *eol = find(s, "\n");
    struct span line = {s.pos, eol != NULL ? eol : s.end};

    if (find(line, "PRIVATE KEY") != NULL) {
        return err_set(err, ERR_MALFORMED,
                       "the input holds a private key, which must never leave its host: "
                       "send the certificate request only");
    }
    if (starts_with(line, "CERTIFICATE" DASHES)) {
        return err_set(err, ERR_MALFORMED,
                       "the input is a certificate, not a certificate request (CSR)");
    }
    return err_set(err, ERR_MALFORMED,
                   "the input holds a PEM block that is not a CERTIFICATE REQUEST");
}

/* Narrows *s to the one block, both its lines included. */
static int find_block(struct span *s, struct err *err)
{
    const char *begin = find(*s, BEGIN);
    const char *label, *end;
    struct span rest;

    if (begin == NULL) {
        return err_set(err, ERR_MALFORMED,
                       "the input is not a certificate request (CSR) in PEM form: no line of it "
                       "begins a CERTIFICATE REQUEST");
    }
    rest = (struct span){begin + strlen(BEGIN), s->end};
    if ((label = label_at(rest)) == NULL) {
        return refuse_foreign(rest, err);
    }
    if ((end = find(rest, END)) == NULL) {
        return err_set(err, ERR_MALFORMED, "the certificate request is truncated: no line ends it");
    }
    rest.pos = end + strlen(END);
    if (label_at(rest) != label) {
        return err_set(err, ERR_MALFORMED,
                       "the certificate request is damaged or truncated: another line "
                       "ends it than its first one asks for");
    }
    rest.pos += strlen(label) + strlen(DASHES);
    *s = (struct span){begin, rest.pos};
    if ((begin = find(rest, BEGIN)) == NULL) {
        return 0;
    }
    rest.pos = begin + strlen(BEGIN);
    if (label_at(rest) == NULL) {
        return refuse_foreign(rest, err);
    }
    return err_set(err, ERR_MALFORMED,
                   "the input holds more than one certificate request: send one at a time");
}

static int decode_block(uint8_t **der, size_t *der_len, struct span s, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(s.pos, (int)(s.end - s.pos));
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    int ret;

    if (bio == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading a certificate request");
    }
    if (PEM_read_bio(bio, &name, &header, &data, &len) != 1 || len <= 0) {
        ret = err_set(err, ERR_MALFORMED,
                      "the certificate request is damaged or truncated: its base64 text "
                      "does not decode");
    } else if (header[0] != '\0') {
        ret = err_set(err, ERR_MALFORMED,
                      "the certificate request has PEM header fields, "
                      "which are not taken: send it plain");
    } else if ((*der = malloc((size_t)len)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory while reading a certificate request");
    } else {
        memcpy(*der, data, (size_t)len);
        *der_len = (size_t)len;
        ret = 0;
    }
    ERR_clear_error();
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(bio);
    return ret;
}

int csr_pem_decode(uint8_t **der, size_t *der_len, const char *text, size_t len, struct err *err)
{
    struct span s = {text, text + len};
    int ret;

    *der = NULL;
    *der_len = 0;
    if (len > LIMIT_CSR_PEM) {
        return err_set(err, ERR_LIMIT,
                       "the input has %zu bytes; a certificate request (CSR) of "
                       "at most %u is taken",
                       len, LIMIT_CSR_PEM);
    }
    if (is_blank(s)) {
        return err_set(err, ERR_MALFORMED,
                       "the input is empty: send a certificate request (CSR) in PEM form");
    }
    if (!is_text(s)) {
        return err_set(err, ERR_MALFORMED,
                       "the input is binary: send the certificate request (CSR) in PEM form, "
                       "not in DER");
    }
    if ((ret = find_block(&s, err)) < 0) {
        return ret;
    }
    return decode_block(der, der_len, s, err);
}

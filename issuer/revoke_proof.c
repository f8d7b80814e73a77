#include "issuer/revoke_proof.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/limits.h"
#include "issuer/cert_chain.h"
#include "issuer/revoke_reason.h"
#include "issuer/x509_text.h"

#define LINES         4
#define SIGNATURE_MAX 1024 /* octets: RSA 4096 has 512 */
#define FORM                                                                                       \
    "\"certmill revoke\", \"serial: HEX\", \"reason: WORD\", \"time: YYYY-MM-DDTHH:MM:SSZ\", "     \
    "\"signature: BASE64\", each a line, and the certificate"

struct statement {
    const char *text; /* what is signed */
    size_t len;
    char serial[LIMIT_SERIAL_TEXT + 2], reason[64], time[32];
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
};

static int malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "the request to revoke %s; it has to be " FORM, what);
}

/* The line at pos, without its LF, into dst[cap]; pos moves behind it. */
static int take_line(char *dst, size_t cap, const char **pos, const char *end, struct err *err)
{
    const char *lf = memchr(*pos, '\n', (size_t)(end - *pos));

    if (lf == NULL || (size_t)(lf - *pos) >= cap) {
        return malformed(err, "is too short, or has a line that is too long");
    }
    memcpy(dst, *pos, (size_t)(lf - *pos));
    dst[lf - *pos] = '\0';
    *pos = lf + 1;
    return 0;
}

static int take_value(char *dst, size_t cap, const char *label, const char **pos, const char *end,
                      struct err *err)
{
    size_t n = strlen(label);

    if ((size_t)(end - *pos) < n || memcmp(*pos, label, n) != 0) {
        return err_set(err, ERR_MALFORMED,
                       "the request to revoke lacks the line \"%s...\" in its place; it has to "
                       "be " FORM,
                       label);
    }
    *pos += n;
    return take_line(dst, cap, pos, end, err);
}

static int decode_signature(struct statement *out, const char *text, struct err *err)
{
    size_t len = strlen(text), padding = 0;
    uint8_t octets[SIGNATURE_MAX + 3];
    int n;

    while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
        padding++;
    }
    n = len % 4 == 0 && len / 4 * 3 <= sizeof octets
            ? EVP_DecodeBlock(octets, (const unsigned char *)text, (int)len)
            : -1;
    if (n <= (int)padding || n - (int)padding > SIGNATURE_MAX) {
        return malformed(err, "has a signature that is not base64 on one line");
    }
    out->signature_len = (size_t)n - padding;
    memcpy(out->signature, octets, out->signature_len);
    return 0;
}

static int parse(struct statement *out, const char *input, size_t len, struct err *err)
{
    static const char head[] = "certmill revoke\n";
    char signature[(SIGNATURE_MAX + 2) / 3 * 4 + 1];
    const char *pos = input, *end = input + len;
    int ret;

    if (len < sizeof head - 1 || memcmp(input, head, sizeof head - 1) != 0) {
        return malformed(err, "does not begin as one");
    }
    pos += sizeof head - 1;
    if ((ret = take_value(out->serial, sizeof out->serial, "serial: ", &pos, end, err)) < 0 ||
        (ret = take_value(out->reason, sizeof out->reason, "reason: ", &pos, end, err)) < 0 ||
        (ret = take_value(out->time, sizeof out->time, "time: ", &pos, end, err)) < 0) {
        return ret;
    }
    out->text = input;
    out->len = (size_t)(pos - input);
    if ((ret = take_value(signature, sizeof signature, "signature: ", &pos, end, err)) < 0) {
        return ret;
    }
    return decode_signature(out, signature, err);
}

/* -- what it says -- */

static int check_time(const char *text, int64_t now, struct err *err)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    int64_t at;

    if (rest == NULL || *rest != '\0' || strlen(text) != strlen("YYYY-MM-DDTHH:MM:SSZ")) {
        return malformed(err, "has a time that is none in UTC");
    }
    at = timegm(&tm);
    if (at < now - LIMIT_REVOKE_S || at > now + LIMIT_REVOKE_S) {
        return err_set(err, ERR_RANGE,
                       "the request to revoke was signed more than %d minutes ago, or is of a "
                       "time to come: sign it anew (is a clock wrong?)",
                       LIMIT_REVOKE_S / 60);
    }
    return 0;
}

static int check_serial(const char *text, const X509 *leaf, struct err *err)
{
    char *serial = x509_text_serial(X509_get0_serialNumber(leaf));
    const char *given = text + strspn(text, "0"), *own;
    bool same;

    if (serial == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    own = serial + strspn(serial, "0");
    same = strcasecmp(given, own) == 0;
    free(serial);
    return same ? 0
                : err_set(err, ERR_RANGE,
                          "the request to revoke names another certificate than the one that "
                          "comes with it");
}

static int check_signature(const struct statement *statement, X509 *leaf, struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    int good;

    if (ctx == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    good = key != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestVerify(ctx, statement->signature, statement->signature_len,
                            (const unsigned char *)statement->text, statement->len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good ? 0
                : err_set(err, ERR_POLICY,
                          "the request to revoke is not signed (with SHA-256) by the "
                          "certificate's key");
}

int revoke_proof_check(const char *input, size_t len, int64_t now, int *reason, struct err *err)
{
    struct statement statement = {0};
    STACK_OF(X509) *chain = NULL;
    int ret = parse(&statement, input, len, err);

    if (ret < 0 || (ret = revoke_reason_parse(reason, statement.reason, err)) < 0 ||
        (ret = check_time(statement.time, now, err)) < 0 ||
        (ret = cert_chain_read(&chain, input, len, err)) < 0) {
        return ret;
    }
    if ((ret = check_serial(statement.serial, sk_X509_value(chain, 0), err)) == 0) {
        ret = check_signature(&statement, sk_X509_value(chain, 0), err);
    }
    cert_chain_free(chain);
    return ret;
}

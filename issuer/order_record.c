#include "issuer/order_record.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LABEL_OCTETS 10
#define STRING_MAX   255 /* RFC 1035 3.3 */

int order_account_label(char dst[static ORDER_ACCOUNT_LABEL], const char *account_url)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t digest[32];

    if (EVP_Digest(account_url, strlen(account_url), digest, NULL, EVP_sha256(), NULL) != 1) {
        return ERR_CRYPTO;
    }
    *dst++ = '_';
    for (unsigned bit = 0; bit < LABEL_OCTETS * 8; bit += 5) {
        unsigned two = (unsigned)digest[bit / 8] << 8 | digest[bit / 8 + 1];
        *dst++ = alphabet[two >> (11 - bit % 8) & 31];
    }
    *dst = '\0';
    return 0;
}

/* RFC 8659 4.2: visible characters but ";", and none that a zone file would take apart. */
static bool value_good(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == ';' || *p == '"' || *p == '\\') {
            return false;
        }
    }
    return text[0] != '\0';
}

int order_persist_record(char dst[static ORDER_RECORD_TEXT], const char *issuer_domain,
                         const char *account_url, bool wildcard)
{
    char text[ORDER_RECORD_TEXT / 2];
    size_t at = 0;

    if (!value_good(issuer_domain) || !value_good(account_url)) {
        return ERR_MALFORMED;
    }
    int n = snprintf(text, sizeof text, "%s; accounturi=%s%s", issuer_domain, account_url,
                     wildcard ? "; policy=wildcard" : "");
    if (n < 0 || (size_t)n >= sizeof text) {
        return ERR_LIMIT;
    }
    for (const char *p = text; *p != '\0';) {
        size_t len = strnlen(p, STRING_MAX);

        at += (size_t)snprintf(dst + at, ORDER_RECORD_TEXT - at, "%s\"%.*s\"", at > 0 ? " " : "",
                               (int)len, p);
        p += len;
    }
    return 0;
}

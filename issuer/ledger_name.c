#include "issuer/ledger_priv.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

const char *ledger_bare(const char *name)
{
    return strncmp(name, "*.", 2) == 0 ? name + 2 : name;
}

const char *ledger_domain(const struct ledger *ledger, const char *name)
{
    const char *bare = ledger_bare(name);
    const char *domain = psl_registrable_domain(ledger->psl, bare);

    return domain != NULL ? domain : bare;
}

static bool has(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], text) == 0) {
            return true;
        }
    }
    return false;
}

size_t ledger_domains(const struct ledger *ledger, const struct ledger_order *order,
                      const char *list[static LIMIT_NAMES])
{
    size_t count = 0;

    for (size_t i = 0; i < order->name_count && i < LIMIT_NAMES; i++) {
        const char *domain = ledger_domain(ledger, order->names[i]);

        if (!has(list, count, domain)) {
            list[count++] = domain;
        }
    }
    return count;
}

size_t ledger_bare_names(const struct ledger_order *order, const char *list[static LIMIT_NAMES])
{
    size_t count = 0;

    for (size_t i = 0; i < order->name_count && i < LIMIT_NAMES; i++) {
        const char *name = ledger_bare(order->names[i]);

        if (!has(list, count, name)) {
            list[count++] = name;
        }
    }
    return count;
}

/* Names are sorted, so that the same ones are called the same. */
int ledger_names(char dst[static LIMIT_LEDGER_SUBJECT], const struct ledger_order *order)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = 0;
    int ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL);

    for (size_t i = 0; ok && i < order->name_count; i++) {
        size_t n = strlen(order->names[i]);

        ok = EVP_DigestUpdate(context, order->names[i], n) && EVP_DigestUpdate(context, ",", 1);
        if (len + n < LIMIT_DOMAIN_TEXT + 1) {
            memcpy(dst + len, order->names[i], n);
            dst[len + n] = i + 1 < order->name_count ? ',' : '\0';
        }
        len += n + 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    if (!ok || order->name_count == 0) {
        return ERR_CRYPTO;
    }
    if (len > LIMIT_DOMAIN_TEXT + 1) {
        int at = snprintf(dst, LIMIT_LEDGER_SUBJECT, "%.253s and %zu more ", order->names[0],
                          order->name_count - 1);

        for (int i = 0; i < 16; i++) {
            at += snprintf(dst + at, LIMIT_LEDGER_SUBJECT - (size_t)at, "%02x", digest[i]);
        }
    }
    return 0;
}

/*
 * What a CA's rateLimited is about. RFC 8555 has no member for that, so that it is read from
 * the text, as Boulder words it (ratelimits/limiter.go):
 *
 *   too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-21 ...
 *   too many certificates (50) already issued for "example.org" in the last 168h0m0s, retry ...
 *   too many certificates (5) already issued for this exact set of identifiers in the last ...
 *   too many failed authorizations (5) for "www.example.org" in the last 1h0m0s, retry after ...
 *
 * Where nothing of it is understood, it is about the names of the order.
 */
#include "issuer/ledger_priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool says(const char *text, const char *words)
{
    return strcasestr(text, words) != NULL;
}

static bool quotes(const char *text, const char *name)
{
    char quoted[LIMIT_DOMAIN_TEXT + 4];

    (void)snprintf(quoted, sizeof quoted, "\"%s\"", name);
    return says(text, quoted);
}

static const char *quoted_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (quotes(text, list[i])) {
            return list[i];
        }
    }
    return NULL;
}

enum store_ledger_kind ledger_told_scope(const struct ledger *ledger,
                                         const struct ledger_order *order, const char *text,
                                         char subject[static LIMIT_LEDGER_SUBJECT])
{
    const char *list[LIMIT_NAMES], *found;
    size_t count = ledger_domains(ledger, order, list);

    subject[0] = '\0';
    if (!says(text, "exact set") && !says(text, "failed auth") &&
        (found = quoted_of(text, list, count)) != NULL) {
        (void)snprintf(subject, LIMIT_LEDGER_SUBJECT, "%s", found);
        return STORE_LEDGER_TOLD_DOMAIN;
    }
    count = ledger_bare_names(order, list);
    if (!says(text, "exact set") && (found = quoted_of(text, list, count)) != NULL) {
        (void)snprintf(subject, LIMIT_LEDGER_SUBJECT, "%s", found);
        return STORE_LEDGER_TOLD_NAME;
    }
    if (!says(text, "exact set") && (says(text, "new orders") || says(text, "account"))) {
        return STORE_LEDGER_TOLD_ACCOUNT;
    }
    if (ledger_names(subject, order) < 0) {
        subject[0] = '\0';
    }
    return STORE_LEDGER_TOLD_NAMES;
}

int64_t ledger_told_time(const char *text)
{
    const char *at = strcasestr(text, "retry after ");
    struct tm tm = {0};

    if (at == NULL) {
        return 0;
    }
    at += strlen("retry after ");
    if (strptime(at, "%Y-%m-%d %H:%M:%S", &tm) == NULL &&
        strptime(at, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
        return 0;
    }
    return (int64_t)timegm(&tm);
}

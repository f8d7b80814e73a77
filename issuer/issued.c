#include "issuer/issued.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "common/limits.h"
#include "issuer/cert_chain.h"
#include "issuer/policy.h"
#include "issuer/x509_text.h"

#define SAME_SERIAL 16 /* rows looked at: one for each order that got the same certificate */

struct search {
    struct issued *out;
    X509 *leaf; /* NULL: any with this serial */
    int64_t now;
    uint64_t other; /* order of another certificate with the same serial, or 0 */
    int ret;
};

static int copy(struct issued *out, const struct store_certificate *row, int64_t now)
{
    *out = (struct issued){
        .id = row->id,
        .order_id = row->order_id,
        .serial = strdup(row->serial),
        .names = strdup(row->names),
        .directory_url = strdup(row->directory_url),
        .pem = strdup(row->pem),
        .not_after = row->not_after,
        .revoked = row->revoked,
        .revoked_reason = row->revoked_reason,
        .window = {row->renew_start, row->renew_end, row->renew_checked, row->renew_next, ""},
        .outdated = renewal_outdated(row, now),
    };
    if (strlen(row->renew_explanation) < sizeof out->window.explanation) {
        memcpy(out->window.explanation, row->renew_explanation, strlen(row->renew_explanation) + 1);
    }
    if (out->serial == NULL || out->names == NULL || out->directory_url == NULL ||
        out->pem == NULL) {
        issued_clear(out);
        return -ENOMEM;
    }
    return 0;
}

static bool same_leaf(const char *pem, const X509 *leaf)
{
    STACK_OF(X509) *chain = NULL;
    bool same = cert_chain_read(&chain, pem, strlen(pem), NULL) == 0 &&
                X509_cmp(sk_X509_value(chain, 0), leaf) == 0;

    cert_chain_free(chain);
    return same;
}

static void on_row(void *arg, const struct store_certificate *row)
{
    struct search *search = arg;
    struct issued *out = search->out;

    if (search->ret < 0 || (search->leaf != NULL && !same_leaf(row->pem, search->leaf))) {
        return;
    }
    if (out->id == 0) {
        search->ret = copy(out, row, search->now);
    } else if (strcmp(out->directory_url, row->directory_url) != 0) {
        search->other = row->order_id;
    }
}

static int look(struct search *search, struct store *store, const char *serial, struct err *err)
{
    int ret;

    *search->out = (struct issued){0};
    ret = store_certificate_find(store, STORE_BY_SERIAL, serial, SAME_SERIAL, on_row, search, err);
    if (ret == 0 && search->ret < 0) {
        ret = err_set(err, search->ret, "out of memory");
    }
    if (ret < 0) {
        issued_clear(search->out);
    }
    return ret;
}

int issued_find(struct issued *out, struct store *store, const char *pem, size_t len, int64_t now,
                struct err *err)
{
    STACK_OF(X509) *chain = NULL;
    char *serial;
    int ret = cert_chain_read(&chain, pem, len, err);

    *out = (struct issued){0};
    if (ret < 0) {
        return ret;
    }
    struct search search = {.out = out, .leaf = sk_X509_value(chain, 0), .now = now};
    serial = x509_text_serial(X509_get0_serialNumber(search.leaf));
    ret =
        serial != NULL ? look(&search, store, serial, err) : err_set(err, -ENOMEM, "out of memory");
    if (ret == 0 && out->id == 0) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "the certificate with the serial number %.64s was not issued by way of this "
                      "server",
                      serial);
    }
    free(serial);
    cert_chain_free(chain);
    return ret;
}

/* As the store has them: lower case, an even number of digits, no more zeros before them. */
static int normalize(char *dst, size_t cap, const char *serial, struct err *err)
{
    size_t len = 0, zeros;

    for (const char *p = serial; *p != '\0'; p++) {
        if (*p == ':') {
            continue;
        }
        if (!isxdigit((unsigned char)*p) || len + 2 >= cap) {
            return err_set(err, ERR_MALFORMED,
                           "\"%.64s\" is no serial number: hexadecimal digits, at most %zu of them",
                           serial, cap - 2);
        }
        dst[1 + len++] = (char)tolower((unsigned char)*p);
    }
    dst[0] = '0';
    dst[1 + len] = '\0';
    zeros = strspn(dst, "0");
    if (zeros == 1 + len) {
        return err_set(err, ERR_MALFORMED, "\"%.64s\" is no serial number", serial);
    }
    zeros -= (1 + len - zeros) % 2;
    memmove(dst, dst + zeros, 2 + len - zeros);
    return 0;
}

int issued_by_serial(struct issued *out, struct store *store, const char *serial, int64_t now,
                     struct err *err)
{
    struct search search = {.out = out, .now = now};
    char text[LIMIT_SERIAL_TEXT + 2];
    int ret;

    *out = (struct issued){0};
    if ((ret = normalize(text, sizeof text, serial, err)) < 0 ||
        (ret = look(&search, store, text, err)) < 0) {
        return ret;
    }
    if (search.other != 0) {
        ret = err_set(err, ERR_EXISTS,
                      "two CAs have given out the serial number %s: orders %llu and %llu", text,
                      (unsigned long long)out->order_id, (unsigned long long)search.other);
        issued_clear(out);
        return ret;
    }
    return out->id != 0 ? 0
                        : err_set(err, ERR_NOT_FOUND,
                                  "no certificate with the serial number %s was issued by way of "
                                  "this server",
                                  text);
}

void issued_clear(struct issued *issued)
{
    free(issued->serial);
    free(issued->names);
    free(issued->directory_url);
    free(issued->pem);
    *issued = (struct issued){0};
}

/* The sets of a client as one text. */
static char *sets_of(const struct server_conf_client *client)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < client->names.count; i++) {
        (void)fprintf(out, "%s;", client->names.items[i]);
    }
    if (fclose(out) == 0) {
        return text;
    }
    free(text);
    return NULL;
}

static int permit(const struct server_conf_client *client, const char *domains,
                  const struct csr *wanted, struct err *err)
{
    char *sets;
    int ret;

    if (client == NULL) {
        return policy_names(domains != NULL ? domains : "", wanted, err);
    }
    if (wanted->count == 0) {
        return 0; /* patterns fit them all */
    }
    if ((sets = sets_of(client)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    ret = policy_names(sets, wanted, err);
    free(sets);
    return ret;
}

int issued_permit(const struct issued *issued, const struct server_conf_client *client,
                  const char *domains, struct err *err)
{
    char *names[LIMIT_NAMES], *copy = strdup(issued->names), *save = NULL;
    struct csr wanted = {.names = names};
    int ret = 0;

    if (copy == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (char *name = strtok_r(copy, ",", &save); name != NULL && ret == 0;
         name = strtok_r(NULL, ",", &save)) {
        if (client != NULL && policy_patterns(&client->patterns, name)) {
            continue;
        }
        if (wanted.count == LIMIT_NAMES) {
            ret = err_set(err, ERR_LIMIT, "the certificate has more than %d names", LIMIT_NAMES);
        } else {
            names[wanted.count++] = name;
        }
    }
    if (ret == 0) {
        ret = permit(client, domains, &wanted, err);
    }
    free(copy);
    return ret;
}

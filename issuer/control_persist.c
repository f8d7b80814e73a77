/*
 * What the operator of a domain publishes once, where it is proven by what belongs to the account:
 * dns-persist-01's record, and dns-account-01's CNAME into our zone (issuer/order_record.h).
 */
#include "issuer/control_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"
#include "common/limits.h"
#include "issuer/acme.h"
#include "issuer/authority.h"
#include "issuer/desk.h"
#include "issuer/line_json.h"
#include "issuer/order_record.h"

struct row {
    const struct authority *authority;
    enum order_challenge challenge;
    char owner[LIMIT_NAME_TEXT + 64];
    const char *type;
    char value[ORDER_RECORD_TEXT]; /* "": cannot be said, for the reason in problem */
    const char *problem;
};

static int add_row(json_t *rows, const struct row *row, struct err *err)
{
    bool known = row->value[0] != '\0';
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:s, s:o, s:o}", "authority", line_json_string(row->authority->name),
        "challenge", order_challenge_name(row->challenge), "owner", line_json_string(row->owner),
        "type", row->type, "value", line_json_string(known ? row->value : NULL), "problem",
        line_json_string(known ? NULL : row->problem));

    return json_array_append_new(rows, object) == 0 ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* The name that the CA's records have to bear; NULL: not known. */
static const char *issuer_domain(const struct control_options *control,
                                 const struct authority *authority)
{
    if (authority->caa != NULL && authority->caa->count > 0) {
        return authority->caa->items[0];
    }
    if (strcmp(authority->directory, SERVER_CONF_LETSENCRYPT) == 0 ||
        strcmp(authority->directory, SERVER_CONF_LETSENCRYPT_STAGING) == 0) {
        return "letsencrypt.org";
    }
    return control->desk != NULL ? desk_issuer_domain(control->desk, authority->directory) : NULL;
}

static int add_persist(const struct control_options *control, const struct authority *authority,
                       const char *domain, const char *account, json_t *rows, struct err *err)
{
    bool wildcard = strncmp(domain, "*.", 2) == 0;
    const char *issuer = issuer_domain(control, authority);
    struct row row = {.authority = authority, .challenge = ORDER_DNS_PERSIST_01, .type = "TXT"};

    (void)snprintf(row.owner, sizeof row.owner, "_validation-persist.%s.",
                   domain + (wildcard ? 2 : 0));
    if (account == NULL) {
        row.problem =
            "there is no account at this CA yet: certmill-shell show acmeaccount makes it";
    } else if (issuer == NULL) {
        row.problem = "the CA's name in such records is not known: set caa of this authority";
    } else if (order_persist_record(row.value, issuer, account, wildcard) < 0) {
        row.value[0] = '\0';
        row.problem = "the account's URL does not fit into such a record";
    }
    return add_row(rows, &row, err);
}

static int add_account(const struct control_options *control, const struct authority *authority,
                       const char *domain, const char *account, json_t *rows, struct err *err)
{
    char label[ORDER_ACCOUNT_LABEL], record[LIMIT_NAME_TEXT];
    struct row row = {.authority = authority, .challenge = ORDER_DNS_ACCOUNT_01, .type = "CNAME"};

    if (strncmp(domain, "*.", 2) == 0) {
        domain += 2;
    }
    if (account == NULL || order_account_label(label, account) < 0) {
        (void)snprintf(label, sizeof label, "_?");
        row.problem =
            "there is no account at this CA yet: certmill-shell show acmeaccount makes it";
    } else if (publisher_record(control->publisher, domain, record, sizeof record) < 0) {
        row.problem = "no record name can be made for this domain";
    } else {
        (void)snprintf(row.value, sizeof row.value, "%s.", record);
    }
    (void)snprintf(row.owner, sizeof row.owner, "%s._acme-challenge.%s.", label, domain);
    return add_row(rows, &row, err);
}

static void copy_url(void *arg, const char *directory_url, const struct acme_account *account,
                     int64_t created)
{
    char **url = arg;

    (void)directory_url;
    (void)created;
    *url = account->url != NULL ? strdup(account->url) : NULL;
}

static int add_name(const struct control_options *control, const struct authorities *all,
                    const char *domain, json_t *rows, struct err *err)
{
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < all->configured; i++) {
        const struct authority *authority = &all->list[i];
        char *account = NULL;

        ret = store_account_get(control->store, authority->directory, copy_url, &account, err);
        if (ret == 0 || ret == ERR_NOT_FOUND) {
            ret = add_persist(control, authority, domain, account, rows, err);
        }
        if (ret == 0 && authority->challenge == ORDER_DNS_ACCOUNT_01) {
            ret = add_account(control, authority, domain, account, rows, err);
        }
        free(account);
    }
    return ret;
}

json_t *control_json_persist(const struct control_options *control, const char *names,
                             struct err *err)
{
    struct authorities all;
    json_t *rows = json_array();
    int ret = rows != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");

    authorities_read(&all, control->conf);
    for (size_t n = 0; ret == 0 && *names != '\0'; n++) {
        char given[LIMIT_DOMAIN_TEXT * 4 + 1], domain[LIMIT_DOMAIN_TEXT + 1];
        size_t len = strcspn(names, ",");

        if (n == LIMIT_NAMES || len >= sizeof given) {
            ret = err_set(err, ERR_LIMIT, "at most %d names of %d octets are taken", LIMIT_NAMES,
                          LIMIT_DOMAIN_TEXT);
            break;
        }
        memcpy(given, names, len);
        given[len] = '\0';
        if ((ret = domain_normalize(domain, given, err)) == 0) {
            ret = add_name(control, &all, domain, rows, err);
        }
        names += len + (names[len] == ',');
    }
    if (ret < 0) {
        json_decref(rows);
        return NULL;
    }
    return json_pack("{s:o}", "records", rows);
}

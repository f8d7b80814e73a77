#include "issuer/control_accounts.h"

#include <errno.h>
#include <string.h>

#include "issuer/acme.h"
#include "issuer/authority.h"
#include "issuer/desk.h"
#include "issuer/line_json.h"
#include "issuer/store.h"

struct rows {
    const struct desk *desk;
    json_t *array;
    bool failed;
};

/* -- what the CA says -- */

static json_t *profiles(const struct acme *acme)
{
    size_t count;
    const struct acme_profile *list = acme_profiles(acme, &count);
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_pack("{s:o, s:o}", "name",
                                                     line_json_string(list[i].name), "description",
                                                     line_json_string(list[i].description)));
    }
    return array;
}

static json_t *identities(const struct acme *acme)
{
    size_t count;
    char *const *list = acme_caa_identities(acme, &count);
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, line_json_string(list[i]));
    }
    return array;
}

/* NULL: no memory. An empty object where the CA has not been reached. */
static json_t *directory(const struct acme *acme)
{
    if (acme == NULL || !acme_has_directory(acme)) {
        return json_pack("{s:b}", "reached", 0);
    }
    return json_pack("{s:b, s:o, s:o, s:b, s:b, s:o, s:o}", "reached", 1, "terms",
                     line_json_string(acme_terms(acme)), "website",
                     line_json_string(acme_website(acme)), "binding_required",
                     acme_wants_binding(acme), "renewal_information", acme_has_renewal_info(acme),
                     "profiles", profiles(acme), "caa_identities", identities(acme));
}

/* -- what is on record -- */

static json_t *contacts(const char *contact)
{
    return contact == NULL || contact[0] == '\0' ? json_array()
                                                 : json_pack("[o]", line_json_string(contact));
}

/* A CA that changes its terms to none has changed nothing that was to be agreed to. */
static bool is_changed(const char *agreed, const struct acme *acme)
{
    const char *now = acme != NULL ? acme_terms(acme) : NULL;

    return agreed != NULL && now != NULL && strcmp(agreed, now) != 0;
}

static const char *or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void add(struct rows *rows, const char *name, const char *url,
                const struct acme_account *account, int64_t created)
{
    static const struct acme_account none;
    const struct acme *acme = desk_acme_find(rows->desk, url);
    const struct acme_account *a = account != NULL ? account : &none;
    json_t *row = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "name",
        line_json_string(name), "directory", line_json_string(url), "url", line_json_string(a->url),
        "status", line_json_string(a->url != NULL ? a->status : NULL), "key",
        line_json_string(a->key), "pending_key", line_json_string(a->pending), "key_type",
        line_json_string(a->key_type), "thumbprint", line_json_string(a->thumbprint),
        "terms_agreed", line_json_string(or_null(a->terms)), "terms_changed",
        is_changed(a->terms, acme), "contacts", contacts(a->contact), "eab_kid",
        line_json_string(a->eab_kid), "created",
        account != NULL ? line_json_time(created) : json_null(), "ca", directory(acme));

    if (json_array_append_new(rows->array, row) < 0) {
        rows->failed = true;
    }
}

static const struct authority *configured(const struct desk *desk, const char *url)
{
    const struct authorities *all = desk_authorities(desk);

    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->list[i].directory, url) == 0) {
            return &all->list[i];
        }
    }
    return NULL;
}

static bool has_row(const json_t *array, const char *url)
{
    const json_t *row;
    size_t i;

    json_array_foreach(array, i, row)
    {
        const char *directory_url = json_string_value(json_object_get(row, "directory"));

        if (directory_url != NULL && strcmp(directory_url, url) == 0) {
            return true;
        }
    }
    return false;
}

static void add_stored(void *arg, const char *directory_url, const struct acme_account *account,
                       int64_t created)
{
    struct rows *rows = arg;
    const struct authority *authority = configured(rows->desk, directory_url);

    add(rows, authority != NULL ? authority->name : NULL, directory_url, account, created);
}

json_t *control_accounts(struct store *store, const struct desk *desk, struct err *err)
{
    const struct authorities *all = desk_authorities(desk);
    struct rows rows = {.desk = desk, .array = json_array()};
    json_t *data = NULL;

    if (store_account_each(store, add_stored, &rows, err) < 0) {
        json_decref(rows.array);
        return NULL;
    }
    for (size_t i = 0; i < all->configured; i++) {
        if (!has_row(rows.array, all->list[i].directory)) {
            add(&rows, all->list[i].name, all->list[i].directory, NULL, 0);
        }
    }
    if (!rows.failed) {
        data = json_pack("{s:O}", "accounts", rows.array);
    }
    if (data == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
    }
    json_decref(rows.array);
    return data;
}

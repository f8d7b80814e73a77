#include <errno.h>

#include "issuer/acme.h"
#include "issuer/store_db.h"

int store_account_put(struct store *store, const char *directory_url,
                      const struct acme_account *account, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ACCOUNT_PUT, err);
    int rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = store_db_text(stmt, 1, directory_url) |
         store_db_text(stmt, 2, account->url != NULL ? account->url : "") |
         store_db_text(stmt, 3, account->thumbprint != NULL ? account->thumbprint : "") |
         sqlite3_bind_int64(stmt, 4, now_us) | store_db_text(stmt, 5, account->key) |
         store_db_text(stmt, 6, account->pending) | store_db_text(stmt, 7, account->key_type) |
         store_db_text(stmt, 8, account->contact) | store_db_text(stmt, 9, account->terms) |
         store_db_text(stmt, 10, account->status) | store_db_text(stmt, 11, account->eab_kid);
    return store_db_change(store, stmt, rc, "storing an account", err);
}

static const char *or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static void give(sqlite3_stmt *stmt, store_account_fn *fn, void *arg)
{
    const struct acme_account account = {
        .url = or_null(store_db_column(stmt, 1)),
        .thumbprint = or_null(store_db_column(stmt, 2)),
        .key = store_db_column(stmt, 4),
        .pending = store_db_column(stmt, 5),
        .key_type = store_db_column(stmt, 6),
        .contact = store_db_column(stmt, 7),
        .terms = store_db_column(stmt, 8),
        .status = store_db_column(stmt, 9),
        .eab_kid = store_db_column(stmt, 10),
    };

    fn(arg, store_db_word(stmt, 0), &account, sqlite3_column_int64(stmt, 3));
}

int store_account_get(struct store *store, const char *directory_url, store_account_fn *fn,
                      void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ACCOUNT_GET, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    if (store_db_text(stmt, 1, directory_url) != SQLITE_OK) {
        return store_db_error(store, SQLITE_NOMEM, "reading an account", err);
    }
    if ((ret = store_db_row(store, stmt, "reading an account", err)) < 0) {
        return ret;
    }
    if (ret == 0) {
        return err_set(err, ERR_NOT_FOUND, "no account at %s", directory_url);
    }
    give(stmt, fn, arg);
    store_db_reset(stmt);
    return 0;
}

int store_account_each(struct store *store, store_account_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ACCOUNT_EACH, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    while ((ret = store_db_row(store, stmt, "reading accounts", err)) > 0) {
        give(stmt, fn, arg);
    }
    return ret;
}

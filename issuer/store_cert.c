/*
 * Certificates in the store.
 */
#include "issuer/store.h"

#include <errno.h>
#include <string.h>

#include "issuer/store_db.h"

static int add_certificate(struct store *store, uint64_t id, const struct store_certificate *cert,
                           struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_ADD, err);
    int rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = sqlite3_bind_int64(stmt, 1, (int64_t)id) | store_db_text(stmt, 2, cert->serial) |
         store_db_text(stmt, 3, cert->names) | store_db_text(stmt, 4, cert->issuer) |
         store_db_text(stmt, 5, cert->pem) | sqlite3_bind_int64(stmt, 6, cert->not_before) |
         sqlite3_bind_int64(stmt, 7, cert->not_after) | sqlite3_bind_int64(stmt, 8, cert->created) |
         store_db_text(stmt, 9, cert->csr_sha256 != NULL ? cert->csr_sha256 : "") |
         store_db_text(stmt, 10, cert->spki_sha256 != NULL ? cert->spki_sha256 : "");
    return store_db_run(store, stmt, rc, "storing a certificate", err);
}

static int add_names(struct store *store, int64_t certificate, const char *names, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_NAME_ADD, err);
    int ret = 0, rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    while (ret == 0 && *names != '\0') {
        size_t len = strcspn(names, ",");

        rc = sqlite3_bind_text64(stmt, 1, names, len, SQLITE_STATIC, SQLITE_UTF8) |
             sqlite3_bind_int64(stmt, 2, certificate);
        ret = store_db_run(store, stmt, rc, "storing a certificate's names", err);
        names += len + (names[len] == ',');
    }
    return ret;
}

static int mark_issued(struct store *store, uint64_t id, int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_ISSUED, err);
    int rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = sqlite3_bind_int64(stmt, 1, (int64_t)id) | sqlite3_bind_int64(stmt, 2, now_us);
    return store_db_run(store, stmt, rc, "storing an order's state", err);
}

int store_order_issue(struct store *store, uint64_t id, const struct store_certificate *cert,
                      struct err *err)
{
    int ret = store_db_begin(store, err);
    int64_t row;

    if (ret < 0) {
        return ret;
    }
    if ((ret = add_certificate(store, id, cert, err)) == 0 &&
        (row = sqlite3_last_insert_rowid(store->db),
         ret = add_names(store, row, cert->names, err)) == 0 &&
        (ret = store_chains_add(store, row, cert->alternates, err)) == 0) {
        ret = mark_issued(store, id, cert->created, err);
    }
    return store_db_end(store, ret, err);
}

static struct store_certificate read_certificate(sqlite3_stmt *stmt)
{
    return (struct store_certificate){
        .order_id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .serial = store_db_word(stmt, 1),
        .names = store_db_word(stmt, 2),
        .issuer = store_db_word(stmt, 3),
        .pem = store_db_word(stmt, 4),
        .not_before = sqlite3_column_int64(stmt, 5),
        .not_after = sqlite3_column_int64(stmt, 6),
        .created = sqlite3_column_int64(stmt, 7),
        .csr_sha256 = store_db_word(stmt, 8),
        .spki_sha256 = store_db_word(stmt, 9),
        .id = (uint64_t)sqlite3_column_int64(stmt, 10),
        .directory_url = store_db_word(stmt, 11),
        .client = store_db_word(stmt, 12),
        .revoked = sqlite3_column_int64(stmt, 13),
        .revoked_reason = sqlite3_column_int(stmt, 14),
        .renew_start = sqlite3_column_int64(stmt, 15),
        .renew_end = sqlite3_column_int64(stmt, 16),
        .renew_checked = sqlite3_column_int64(stmt, 17),
        .renew_next = sqlite3_column_int64(stmt, 18),
        .renew_explanation = store_db_word(stmt, 19),
        .preferred_chain = store_db_column(stmt, 20),
        .profile = store_db_column(stmt, 21),
        .csr = sqlite3_column_blob(stmt, 22),
        .csr_len = (size_t)sqlite3_column_bytes(stmt, 22),
    };
}

static int each_certificate(struct store *store, sqlite3_stmt *stmt, int bound,
                            store_certificate_fn *fn, void *arg, struct err *err)
{
    int ret;

    if (bound != SQLITE_OK) {
        store_db_reset(stmt);
        return store_db_error(store, SQLITE_NOMEM, "reading certificates", err);
    }
    while ((ret = store_db_row(store, stmt, "reading certificates", err)) > 0) {
        struct store_certificate cert = read_certificate(stmt);

        fn(arg, &cert);
    }
    return ret;
}

int store_certificate_each(struct store *store, const char *name, unsigned limit,
                           store_certificate_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(
        store, name != NULL ? STORE_CERTIFICATE_NAMED : STORE_CERTIFICATE_NEWEST, err);
    int bound;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    bound = sqlite3_bind_int64(stmt, 1, limit);
    if (name != NULL) {
        bound |= store_db_text(stmt, 2, name);
    }
    return each_certificate(store, stmt, bound, fn, arg, err);
}

int store_certificate_find(struct store *store, enum store_key key, const char *value,
                           unsigned limit, store_certificate_fn *fn, void *arg, struct err *err)
{
    static const enum store_stmt by[] = {
        [STORE_BY_SERIAL] = STORE_CERTIFICATE_BY_SERIAL,
        [STORE_BY_CSR] = STORE_CERTIFICATE_BY_CSR,
        [STORE_BY_SPKI] = STORE_CERTIFICATE_BY_SPKI,
    };
    sqlite3_stmt *stmt = store_db_stmt(store, by[key], err);
    int bound;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    bound = sqlite3_bind_int64(stmt, 1, limit) | store_db_text(stmt, 2, value);
    return each_certificate(store, stmt, bound, fn, arg, err);
}

/* The one certificate that stmt, with its number as the only parameter, gives; 0, 1 where there was
 * one, or an error. */
static int one_certificate(struct store *store, sqlite3_stmt *stmt, uint64_t id,
                           store_certificate_fn *fn, void *arg, struct err *err)
{
    struct store_certificate cert;
    int ret;

    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    if ((ret = store_db_row(store, stmt, "reading a certificate", err)) > 0) {
        cert = read_certificate(stmt);
        fn(arg, &cert);
        store_db_reset(stmt);
    }
    return ret;
}

int store_certificate_get(struct store *store, uint64_t id, store_certificate_fn *fn, void *arg,
                          struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_GET, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    ret = one_certificate(store, stmt, id, fn, arg, err);
    return ret == 0
               ? err_set(err, ERR_NOT_FOUND, "there is no certificate %llu", (unsigned long long)id)
           : ret > 0 ? 0
                     : ret;
}

int store_certificate_of(struct store *store, uint64_t order_id, store_certificate_fn *fn,
                         void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_OF, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    ret = one_certificate(store, stmt, order_id, fn, arg, err);
    return ret == 0  ? err_set(err, ERR_NOT_FOUND, "order %llu has no certificate",
                               (unsigned long long)order_id)
           : ret > 0 ? 0
                     : ret;
}

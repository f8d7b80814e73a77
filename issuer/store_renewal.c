/*
 * What becomes of a certificate after it was issued: renewal information and revocation.
 */
#include "issuer/store.h"

#include <errno.h>

#include "issuer/renewal.h"
#include "issuer/store_db.h"

int store_certificate_renewal(struct store *store, uint64_t certificate_id,
                              const struct renewal_window *window, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_RENEWAL, err);
    int bound;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    bound = sqlite3_bind_int64(stmt, 1, (int64_t)certificate_id) |
            sqlite3_bind_int64(stmt, 2, window->start) | sqlite3_bind_int64(stmt, 3, window->end) |
            sqlite3_bind_int64(stmt, 4, window->checked) |
            sqlite3_bind_int64(stmt, 5, window->next) | store_db_text(stmt, 6, window->explanation);
    return store_db_change(store, stmt, bound, "storing renewal information", err);
}

int store_certificate_revoked(struct store *store, uint64_t certificate_id, int64_t at, int reason,
                              struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_CERTIFICATE_REVOKED, err);
    int bound;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    bound = sqlite3_bind_int64(stmt, 1, (int64_t)certificate_id) | sqlite3_bind_int64(stmt, 2, at) |
            sqlite3_bind_int(stmt, 3, reason);
    return store_db_change(store, stmt, bound, "storing a revocation", err);
}

/*
 * What the store is asked for from time to time: certificates that are about to end, and what is
 * old enough to go. In small pieces, since nothing else happens meanwhile.
 */
#include "issuer/store.h"

#include <errno.h>
#include <string.h>

#include "issuer/store_db.h"

int store_ending_each(struct store *store, struct store_ending *cursor, unsigned limit,
                      store_ending_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ENDING, err);
    int ret, count = 0;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)sqlite3_bind_int64(stmt, 1, cursor->not_after);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)cursor->id);
    (void)sqlite3_bind_int64(stmt, 3, limit);
    while ((ret = store_db_row(store, stmt, "looking for certificates that end", err)) > 0) {
        *cursor = (struct store_ending){.id = (uint64_t)sqlite3_column_int64(stmt, 0),
                                        .not_after = sqlite3_column_int64(stmt, 1),
                                        .not_before = sqlite3_column_int64(stmt, 2),
                                        .told = sqlite3_column_int(stmt, 3)};
        fn(arg, cursor);
        count++;
    }
    return ret < 0 ? ret : count;
}

/* Whether a later certificate has the name: 1, 0, or an error. */
static int is_newer(struct store *store, const char *name, size_t len, uint64_t id, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_NEWER, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    if ((sqlite3_bind_text64(stmt, 1, name, len, SQLITE_STATIC, SQLITE_UTF8) |
         sqlite3_bind_int64(stmt, 2, (int64_t)id)) != SQLITE_OK) {
        store_db_reset(stmt);
        return store_db_error(store, SQLITE_NOMEM, "looking for a newer certificate", err);
    }
    ret = store_db_row(store, stmt, "looking for a newer certificate", err);
    store_db_reset(stmt);
    return ret;
}

int store_is_replaced(struct store *store, uint64_t id, const char *names, struct err *err)
{
    int ret = 1;

    while (ret > 0 && *names != '\0') {
        size_t len = strcspn(names, ",");

        ret = is_newer(store, names, len, id, err);
        names += len + (names[len] == ',');
    }
    return ret;
}

static int write_two(struct store *store, enum store_stmt which, int64_t a, int64_t b,
                     const char *what, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, which, err);

    if (stmt == NULL) {
        return -ENOMEM;
    }
    return store_db_change(
        store, stmt, sqlite3_bind_int64(stmt, 1, a) | sqlite3_bind_int64(stmt, 2, b), what, err);
}

int store_ending_told(struct store *store, uint64_t id, int told, struct err *err)
{
    return write_two(store, STORE_ENDING_TOLD, (int64_t)id, told, "storing what was told", err);
}

int store_events_prune(struct store *store, int64_t before_us, unsigned limit, struct err *err)
{
    int ret = write_two(store, STORE_EVENTS_PRUNE, before_us, limit, "removing old events", err);

    return ret < 0 ? ret : sqlite3_changes(store->db);
}

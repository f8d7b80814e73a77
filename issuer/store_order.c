/*
 * Orders in the store.
 */
#include "issuer/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/store_db.h"

int store_order_add(struct store *store, const struct store_order *order, uint64_t *id,
                    struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_ADD, err);
    int rc, ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = store_db_text(stmt, 1, order->client) | sqlite3_bind_int64(stmt, 2, order->peer_uid) |
         store_db_text(stmt, 3, order->directory_url) | store_db_text(stmt, 4, order->names) |
         sqlite3_bind_blob64(stmt, 5, order->csr, order->csr_len, SQLITE_STATIC) |
         store_db_text(stmt, 6, order->preferred_chain) |
         sqlite3_bind_int64(stmt, 7, order->created) | store_db_text(stmt, 8, order->profile) |
         store_db_text(stmt, 9, order->replaces) |
         store_db_text(stmt, 10, order->challenge != NULL ? order->challenge : "dns-01") |
         store_db_text(stmt, 11, order->address != NULL ? order->address : "");
    if ((ret = store_db_change(store, stmt, rc, "storing an order", err)) == 0) {
        *id = (uint64_t)sqlite3_last_insert_rowid(store->db);
    }
    return ret;
}

int store_order_save(struct store *store, uint64_t id, const struct order_saved *saved,
                     int64_t now_us, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_SAVE, err);
    int rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = sqlite3_bind_int64(stmt, 1, (int64_t)id) |
         store_db_text(stmt, 2, order_state_name(saved->state)) |
         store_db_text(stmt, 3, saved->url) | store_db_text(stmt, 4, saved->finalize_url) |
         store_db_text(stmt, 5, saved->certificate_url) | sqlite3_bind_int64(stmt, 6, now_us);
    return store_db_change(store, stmt, rc, "storing an order's state", err);
}

int store_order_fail(struct store *store, uint64_t id, const char *reason, int64_t now_us,
                     struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_FAIL, err);
    int rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = sqlite3_bind_int64(stmt, 1, (int64_t)id) | store_db_text(stmt, 2, reason) |
         sqlite3_bind_int64(stmt, 3, now_us);
    return store_db_change(store, stmt, rc, "storing an order's failure", err);
}

/* -- reading orders -- */

static struct store_order read_order(sqlite3_stmt *stmt)
{
    return (struct store_order){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .client = store_db_word(stmt, 1),
        .peer_uid = sqlite3_column_int64(stmt, 2),
        .directory_url = store_db_word(stmt, 3),
        .names = store_db_word(stmt, 4),
        .csr = sqlite3_column_blob(stmt, 5),
        .csr_len = (size_t)sqlite3_column_bytes(stmt, 5),
        .preferred_chain = store_db_column(stmt, 6),
        .state = store_db_word(stmt, 7),
        .url = store_db_column(stmt, 8),
        .finalize_url = store_db_column(stmt, 9),
        .certificate_url = store_db_column(stmt, 10),
        .failure = store_db_column(stmt, 11),
        .created = sqlite3_column_int64(stmt, 12),
        .updated = sqlite3_column_int64(stmt, 13),
        .profile = store_db_column(stmt, 14),
        .replaces = store_db_column(stmt, 15),
        .challenge = store_db_word(stmt, 16),
        .address = store_db_word(stmt, 17),
    };
}

static int each_order(struct store *store, sqlite3_stmt *stmt, store_order_fn *fn, void *arg,
                      struct err *err)
{
    int ret;

    while ((ret = store_db_row(store, stmt, "reading orders", err)) > 0) {
        struct store_order order = read_order(stmt);

        fn(arg, &order);
    }
    return ret;
}

int store_order_each_open(struct store *store, store_order_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_OPEN, err);

    return stmt != NULL ? each_order(store, stmt, fn, arg, err) : -ENOMEM;
}

int store_order_each(struct store *store, unsigned limit, store_order_fn *fn, void *arg,
                     struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_NEWEST, err);

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)sqlite3_bind_int64(stmt, 1, limit);
    return each_order(store, stmt, fn, arg, err);
}

int store_order_get(struct store *store, uint64_t id, store_order_fn *fn, void *arg,
                    struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_GET, err);
    struct store_order order;
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)id);
    if ((ret = store_db_row(store, stmt, "reading an order", err)) < 0) {
        return ret;
    }
    if (ret == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no order %llu", (unsigned long long)id);
    }
    order = read_order(stmt);
    fn(arg, &order);
    store_db_reset(stmt);
    return 0;
}

int store_order_count(struct store *store, uint64_t counts[static ORDER_STATES], struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_ORDER_COUNT, err);
    enum order_state state;
    int ret;

    memset(counts, 0, ORDER_STATES * sizeof *counts);
    if (stmt == NULL) {
        return -ENOMEM;
    }
    while ((ret = store_db_row(store, stmt, "counting orders", err)) > 0) {
        if (order_state_parse(store_db_word(stmt, 0), &state) == 0) {
            counts[state] = (uint64_t)sqlite3_column_int64(stmt, 1);
        }
    }
    return ret;
}

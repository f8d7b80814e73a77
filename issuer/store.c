#include "issuer/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/store_db.h"

/* A page cache of 64 KiB (16 pages; the kernel keeps the rest) whatever the size of the file; no
 * files for sorting. FULL: each commit is on the disk when it returns. EXCLUSIVE: no shared memory,
 * and no second writer. */
static const char *const settings = "PRAGMA locking_mode = EXCLUSIVE;"
                                    "PRAGMA journal_mode = WAL;"
                                    "PRAGMA synchronous = FULL;"
                                    "PRAGMA cache_size = -64;"
                                    "PRAGMA mmap_size = 0;"
                                    "PRAGMA temp_store = MEMORY;"
                                    "PRAGMA journal_size_limit = 4194304;"
                                    "PRAGMA trusted_schema = OFF;"
                                    "PRAGMA foreign_keys = ON;";

#define BUSY_MS 500 /* the issuer before us may still be on its way out */

int store_open(struct store **out, const char *path, struct err *err)
{
    struct store *store = calloc(1, sizeof *store);
    int rc, ret;

    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return err_set(err, -ENOMEM, "store %s: out of memory", path);
    }
    rc = sqlite3_open_v2(path, &store->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                             SQLITE_OPEN_EXRESCODE,
                         NULL);
    if (rc == SQLITE_OK && sqlite3_db_readonly(store->db, "main") == 1) {
        rc = SQLITE_READONLY; /* what SQLite falls back to where it may not write */
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(store->db, BUSY_MS);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db, settings, NULL, NULL, NULL);
    }
    ret = rc == SQLITE_OK ? store_schema_apply(store, err)
                          : store_db_error(store, rc, "opening it", err);
    if (ret < 0) {
        store_close(store);
        return ret;
    }
    *out = store;
    return 0;
}

int store_open_lost(struct store **out, const char *path, const struct err *why)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL || (store->path = strdup(path)) == NULL) {
        free(store);
        return -ENOMEM;
    }
    (void)err_set(&store->lost, ERR_INTERNAL, "%s", why->text); /* ours, whatever it is */
    *out = store;
    return 0;
}

const char *store_lost(const struct store *store)
{
    return store->db == NULL ? store->lost.text : NULL;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    (void)store_flush(store, NULL);
    for (int i = 0; i < STORE_STMTS; i++) {
        (void)sqlite3_finalize(store->stmts[i]);
    }
    (void)sqlite3_close_v2(store->db);
    store_events_done(store);
    store_ledger_done(store);
    free(store->events);
    free(store->ledger);
    free(store->path);
    free(store);
}

/* -- generations -- */

int store_generation_get(struct store *store, uint64_t *first, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_GENERATION_GET, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    if ((ret = store_db_row(store, stmt, "reading the generation", err)) < 0) {
        return ret;
    }
    if (ret == 0) {
        return store_db_error(store, SQLITE_CORRUPT, "reading the generation", err);
    }
    *first = (uint64_t)sqlite3_column_int64(stmt, 0);
    store_db_reset(stmt);
    return 0;
}

int store_generation_reserve(struct store *store, uint64_t limit, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_GENERATION_RESERVE, err);

    if (stmt == NULL) {
        return -ENOMEM;
    }
    return store_db_change(store, stmt, sqlite3_bind_int64(stmt, 1, (int64_t)limit),
                           "reserving generations", err);
}

/* -- events -- */

/* Where they cannot be written the oldest go: what an order did is worth less than the next order.
 */
static void drop_oldest(struct store *store)
{
    free(store->events[0].text);
    memmove(store->events, store->events + 1, --store->event_count * sizeof *store->events);
}

static int grow(struct store *store)
{
    size_t cap = store->event_cap == 0 ? 64 : 2 * store->event_cap;
    struct store_event *events;

    if (store->event_count < store->event_cap) {
        return 0;
    }
    if ((events = reallocarray(store->events, cap, sizeof *events)) == NULL) {
        return -ENOMEM;
    }
    store->events = events;
    store->event_cap = cap;
    return 0;
}

int store_event_add(struct store *store, uint64_t order_id, int64_t at_us, const char *text)
{
    char *copy;

    if (store->event_count == STORE_EVENTS_MAX) {
        (void)store_flush(store, NULL);
        if (store->event_count == STORE_EVENTS_MAX) {
            drop_oldest(store);
        }
    }
    if (grow(store) < 0 || (copy = strdup(text)) == NULL) {
        return -ENOMEM;
    }
    store->events[store->event_count++] =
        (struct store_event){.order = order_id, .at = at_us, .text = copy};
    return 0;
}

int store_events_write(struct store *store, struct err *err)
{
    sqlite3_stmt *stmt;
    int ret = 0, rc;

    if (store->event_count == 0) {
        return 0;
    }
    if ((stmt = store_db_stmt(store, STORE_EVENT_ADD, err)) == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; ret == 0 && i < store->event_count; i++) {
        const struct store_event *event = &store->events[i];

        rc = sqlite3_bind_int64(stmt, 1, (int64_t)event->order) |
             sqlite3_bind_int64(stmt, 2, event->at) | store_db_text(stmt, 3, event->text);
        ret = store_db_run(store, stmt, rc, "writing an order's events", err);
    }
    return ret;
}

void store_events_done(struct store *store)
{
    for (size_t i = 0; i < store->event_count; i++) {
        free(store->events[i].text);
    }
    store->event_count = 0;
}

int store_event_each(struct store *store, uint64_t order_id, store_event_fn *fn, void *arg,
                     struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_EVENT_EACH, err);
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)order_id);
    while ((ret = store_db_row(store, stmt, "reading an order's events", err)) > 0) {
        fn(arg, sqlite3_column_int64(stmt, 0), store_db_word(stmt, 1));
    }
    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < store->event_count; i++) {
        if (store->events[i].order == order_id) {
            fn(arg, store->events[i].at, store->events[i].text);
        }
    }
    return 0;
}

#include "issuer/store_ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "issuer/store_db.h"

#define USE_OCTETS 12 /* of one use in the column: time, how often */

/* A row that waits for the next durable operation. */
struct store_ledger_waiting {
    enum store_ledger_kind kind;
    bool gone;
    char *authority, *subject;
    struct store_ledger_row row;
};

/* -- what waits -- */

static void waiting_free(struct store_ledger_waiting *waiting)
{
    if (waiting == NULL) {
        return;
    }
    free(waiting->authority);
    free(waiting->subject);
    free(waiting);
}

static struct store_ledger_waiting *find(const struct store *store,
                                         const struct store_ledger_key *key)
{
    for (size_t i = store->ledger_count; i-- > 0;) {
        struct store_ledger_waiting *waiting = store->ledger[i];

        if (waiting->kind == key->kind && strcmp(waiting->subject, key->subject) == 0 &&
            strcmp(waiting->authority, key->authority) == 0) {
            return waiting;
        }
    }
    return NULL;
}

static struct store_ledger_waiting *add(struct store *store, const struct store_ledger_key *key)
{
    struct store_ledger_waiting *waiting;

    if (store->ledger == NULL &&
        (store->ledger = calloc(LIMIT_LEDGER_WAITING, sizeof(struct store_ledger_waiting *))) ==
            NULL) {
        return NULL;
    }
    if (store->ledger_count == LIMIT_LEDGER_WAITING) {
        (void)store_flush(store, NULL);
    }
    if ((waiting = calloc(1, sizeof *waiting)) == NULL ||
        (waiting->authority = strdup(key->authority)) == NULL ||
        (waiting->subject = strdup(key->subject)) == NULL) {
        waiting_free(waiting);
        return NULL;
    }
    waiting->kind = key->kind;
    if (store->ledger_count == LIMIT_LEDGER_WAITING) {
        waiting_free(store->ledger[0]);
        memmove(store->ledger, store->ledger + 1,
                --store->ledger_count * sizeof(struct store_ledger_waiting *));
    }
    store->ledger[store->ledger_count++] = waiting;
    return waiting;
}

int store_ledger_put(struct store *store, const struct store_ledger_key *key,
                     const struct store_ledger_row *row)
{
    struct store_ledger_waiting *waiting = find(store, key);

    if (waiting == NULL && (waiting = add(store, key)) == NULL) {
        return -ENOMEM;
    }
    if ((waiting->gone = row == NULL)) {
        return 0;
    }
    waiting->row = *row;
    return 0;
}

/* -- rows -- */

static int bind_key(sqlite3_stmt *stmt, enum store_ledger_kind kind, const char *authority,
                    const char *subject)
{
    return sqlite3_bind_int(stmt, 1, (int)kind) | store_db_text(stmt, 2, authority) |
           store_db_text(stmt, 3, subject);
}

static int write_one(struct store *store, const struct store_ledger_waiting *waiting,
                     struct err *err)
{
    const struct store_ledger_row *row = &waiting->row;
    sqlite3_stmt *stmt =
        store_db_stmt(store, waiting->gone ? STORE_LEDGER_DELETE : STORE_LEDGER_PUT, err);
    uint8_t uses[LIMIT_LEDGER_USES * USE_OCTETS];
    int rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    rc = bind_key(stmt, waiting->kind, waiting->authority, waiting->subject);
    if (waiting->gone) {
        return store_db_run(store, stmt, rc, "deleting from the ledger", err);
    }
    for (size_t i = 0; i < row->use_count; i++) {
        wire_write_u64(uses + i * USE_OCTETS, (uint64_t)row->uses[i].at);
        wire_write_u32(uses + i * USE_OCTETS + 8, row->uses[i].n);
    }
    rc |= sqlite3_bind_int64(stmt, 4, row->at) | sqlite3_bind_int64(stmt, 5, row->until) |
          sqlite3_bind_int64(stmt, 6, row->count) |
          sqlite3_bind_blob64(stmt, 7, uses, row->use_count * USE_OCTETS, SQLITE_STATIC) |
          store_db_text(stmt, 8, row->text);
    return store_db_run(store, stmt, rc, "writing the ledger", err);
}

int store_ledger_write(struct store *store, struct err *err)
{
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < store->ledger_count; i++) {
        ret = write_one(store, store->ledger[i], err);
    }
    return ret;
}

void store_ledger_done(struct store *store)
{
    while (store->ledger_count > 0) {
        waiting_free(store->ledger[--store->ledger_count]);
    }
}

/* Columns from at on: at, until, count, uses, text. What does not make sense is left out. */
static void read_row(struct store_ledger_row *row, sqlite3_stmt *stmt, int at)
{
    const uint8_t *uses = sqlite3_column_blob(stmt, at + 3);
    size_t count = uses != NULL ? (size_t)sqlite3_column_bytes(stmt, at + 3) / USE_OCTETS : 0;
    const char *text = store_db_word(stmt, at + 4);

    memset(row, 0, sizeof *row);
    row->at = sqlite3_column_int64(stmt, at);
    row->until = sqlite3_column_int64(stmt, at + 1);
    row->count = sqlite3_column_int64(stmt, at + 2);
    row->use_count = count < LIMIT_LEDGER_USES ? count : LIMIT_LEDGER_USES;
    for (size_t i = 0; i < row->use_count; i++) {
        row->uses[i].at = (int64_t)wire_read_u64(uses + i * USE_OCTETS);
        row->uses[i].n = wire_read_u32(uses + i * USE_OCTETS + 8);
    }
    memcpy(row->text, text, strnlen(text, sizeof row->text - 1));
}

int store_ledger_get(struct store *store, const struct store_ledger_key *key,
                     struct store_ledger_row *row, struct err *err)
{
    const struct store_ledger_waiting *waiting = find(store, key);
    sqlite3_stmt *stmt;
    int ret;

    if (waiting != NULL) {
        *row = waiting->row;
        return waiting->gone ? 0 : 1;
    }
    if ((stmt = store_db_stmt(store, STORE_LEDGER_GET, err)) == NULL) {
        return -ENOMEM;
    }
    if (bind_key(stmt, key->kind, key->authority, key->subject) != SQLITE_OK) {
        return store_db_error(store, SQLITE_NOMEM, "reading the ledger", err);
    }
    if ((ret = store_db_row(store, stmt, "reading the ledger", err)) > 0) {
        read_row(row, stmt, 0);
        store_db_reset(stmt);
    }
    return ret;
}

int store_ledger_each(struct store *store, enum store_ledger_kind kind, int64_t from,
                      unsigned limit, store_ledger_fn *fn, void *arg, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_LEDGER_EACH, err);
    struct store_ledger_row row;
    int ret;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    (void)store_flush(store, NULL); /* what cannot be written is not shown */
    (void)sqlite3_bind_int(stmt, 1, (int)kind);
    (void)sqlite3_bind_int64(stmt, 2, from);
    (void)sqlite3_bind_int64(stmt, 3, limit);
    while ((ret = store_db_row(store, stmt, "reading the ledger", err)) > 0) {
        struct store_ledger_key key = {
            .kind = kind, .authority = store_db_word(stmt, 0), .subject = store_db_word(stmt, 1)};

        read_row(&row, stmt, 2);
        fn(arg, &key, &row);
    }
    return ret;
}

int store_ledger_prune(struct store *store, enum store_ledger_kind kind, int64_t before,
                       struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, STORE_LEDGER_PRUNE, err);
    int ret, rc;

    if (stmt == NULL) {
        return -ENOMEM;
    }
    if ((ret = store_db_begin(store, err)) < 0) {
        return ret;
    }
    rc = sqlite3_bind_int(stmt, 1, (int)kind) | sqlite3_bind_int64(stmt, 2, before);
    return store_db_end(store, store_db_run(store, stmt, rc, "pruning the ledger", err), err);
}

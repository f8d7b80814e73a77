/*
 * What the files of the store share: the connection, its cached statements, transactions
 * and the words for SQLite's errors. Nobody but store*.c includes this.
 */
#ifndef CERTMILL_ISSUER_STORE_DB_H
#define CERTMILL_ISSUER_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "common/err.h"
#include "issuer/store.h"

enum store_stmt {
    STORE_BEGIN,
    STORE_COMMIT,
    STORE_ROLLBACK,
    STORE_ACCOUNT_PUT,
    STORE_ACCOUNT_GET,
    STORE_ACCOUNT_EACH,
    STORE_ORDER_ADD,
    STORE_ORDER_SAVE,
    STORE_ORDER_FAIL,
    STORE_ORDER_ISSUED,
    STORE_ORDER_OPEN,
    STORE_ORDER_NEWEST,
    STORE_ORDER_GET,
    STORE_ORDER_COUNT,
    STORE_CERTIFICATE_ADD,
    STORE_CERTIFICATE_NAME_ADD,
    STORE_ISSUER_CHAIN_ADD,
    STORE_CERTIFICATE_CHAIN_ADD,
    STORE_CERTIFICATE_PEM,
    STORE_CERTIFICATE_CHAINS,
    STORE_CERTIFICATE_NEWEST,
    STORE_CERTIFICATE_NAMED,
    STORE_CERTIFICATE_BY_SERIAL,
    STORE_CERTIFICATE_BY_CSR,
    STORE_CERTIFICATE_BY_SPKI,
    STORE_CERTIFICATE_OF,
    STORE_CERTIFICATE_GET,
    STORE_ENDING,
    STORE_ENDING_TOLD,
    STORE_NEWER,
    STORE_EVENTS_PRUNE,
    STORE_CERTIFICATE_RENEWAL,
    STORE_CERTIFICATE_REVOKED,
    STORE_EVENT_ADD,
    STORE_EVENT_EACH,
    STORE_GENERATION_GET,
    STORE_GENERATION_RESERVE,
    STORE_LEDGER_PUT,
    STORE_LEDGER_DELETE,
    STORE_LEDGER_GET,
    STORE_LEDGER_EACH,
    STORE_LEDGER_PRUNE,
    STORE_STMTS,
};

struct store_ledger_waiting;

struct store_event {
    uint64_t order;
    int64_t at;
    char *text;
};

/* Events that wait: four of each of the orders that may run at once. */
#define STORE_EVENTS_MAX ((size_t)4 * LIMIT_ORDERS)

struct store {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *stmts[STORE_STMTS];
    struct err lost;   /* why there is no db */
    bool batch;        /* between store_batch_begin and store_batch_end */
    struct err failed; /* the first failure within the batch */
    struct store_event *events;
    size_t event_count, event_cap;
    struct store_ledger_waiting **ledger; /* LIMIT_LEDGER_WAITING of them, or NULL */
    size_t ledger_count;
};

/* Fills err for an SQLite result code of this store: what failed and what to do. */
int store_db_error(const struct store *store, int rc, const char *what, struct err *err);

/* The cached statement, ready to be bound; NULL: err is filled. */
sqlite3_stmt *store_db_stmt(struct store *store, enum store_stmt which, struct err *err);

/* NULL binds NULL. Non-zero where memory ran out. Texts must live until the statement has run. */
int store_db_text(sqlite3_stmt *stmt, int at, const char *text);

/* Runs a statement that gives no rows (bound: the or of the binds' results), and resets it. */
int store_db_run(struct store *store, sqlite3_stmt *stmt, int bound, const char *what,
                 struct err *err);
/* The same as an operation of its own, or as one of the batch that is open. */
int store_db_change(struct store *store, sqlite3_stmt *stmt, int bound, const char *what,
                    struct err *err);

/* Next row: 1, end: 0, or an error. At the end and on error the statement is reset. */
int store_db_row(struct store *store, sqlite3_stmt *stmt, const char *what, struct err *err);
void store_db_reset(sqlite3_stmt *stmt);

/* A column's text, good until the next row: store_db_column is NULL for NULL, store_db_word "". */
const char *store_db_column(sqlite3_stmt *stmt, int at);
const char *store_db_word(sqlite3_stmt *stmt, int at);

/* Around the writes of one operation. store_db_end commits where ret is 0 (events that wait
 * go along), rolls back where not, and returns what came of it; within a batch both only take note.
 */
int store_db_begin(struct store *store, struct err *err);
int store_db_end(struct store *store, int ret, struct err *err);

/* store_chain.c: the other chains of a certificate that is being stored. */
int store_chains_add(struct store *store, int64_t certificate, const char *const *chains,
                     struct err *err);

/* Makes or migrates the tables. ERR_VERSION where a newer certmill wrote them. */
int store_schema_apply(struct store *store, struct err *err);
/* Which version they have, 0: none. ERR_VERSION likewise; ERR_CORRUPT: not ours. */
int store_schema_version(struct store *store, int *version, struct err *err);

/* Writes what waits within the open transaction; the events are dropped from memory by
 * store_events_done. */
int store_events_write(struct store *store, struct err *err);
void store_events_done(struct store *store);

/* store_ledger.c: the same for the ledger's rows. */
int store_ledger_write(struct store *store, struct err *err);
void store_ledger_done(struct store *store);

#endif

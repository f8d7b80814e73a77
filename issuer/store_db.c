#include "issuer/store_db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ORDER_COLUMNS                                                                              \
    "id, client, peer_uid, directory, names, csr, preferred_chain, state, url, finalize_url,"      \
    " certificate_url, failure, created, updated, profile, replaces, challenge, address"
#define CERTIFICATE_COLUMNS                                                                        \
    "c.order_id, c.serial, c.names, c.issuer, c.pem, c.not_before, c.not_after, c.created,"        \
    " c.csr_sha256, c.spki_sha256, c.id, o.directory, o.client, c.revoked, c.revoked_reason,"      \
    " c.renew_start, c.renew_end, c.renew_checked, c.renew_next, c.renew_explanation,"             \
    " o.preferred_chain, o.profile, o.csr"
#define CERTIFICATES_WITH_ORDERS "certificates c JOIN orders o ON o.id = c.order_id"
#define CERTIFICATES_BY(column)                                                                    \
    "SELECT " CERTIFICATE_COLUMNS " FROM " CERTIFICATES_WITH_ORDERS " WHERE c." column             \
    " = ?2 ORDER BY c.id DESC LIMIT ?1"

#define ACCOUNT_COLUMNS                                                                            \
    "directory, url, thumbprint, created, key, pending_key, key_type, contact, terms, status,"     \
    " eab_kid"

static const char *const sql[STORE_STMTS] = {
    [STORE_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_ACCOUNT_PUT] =
        "INSERT INTO accounts (" ACCOUNT_COLUMNS ")"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        " ON CONFLICT (directory) DO UPDATE SET url = ?2, thumbprint = ?3, key = ?5,"
        " pending_key = ?6, key_type = ?7, contact = ?8, terms = ?9, status = ?10, eab_kid = ?11",
    [STORE_ACCOUNT_GET] = "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE directory = ?1",
    [STORE_ACCOUNT_EACH] = "SELECT " ACCOUNT_COLUMNS " FROM accounts ORDER BY directory",
    [STORE_ORDER_ADD] =
        "INSERT INTO orders (client, peer_uid, directory, names, csr, preferred_chain, state,"
        " created, updated, profile, replaces, challenge, address)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'new', ?7, ?7, ?8, ?9, ?10, ?11)",
    [STORE_ORDER_SAVE] = "UPDATE orders SET state = ?2, url = ?3, finalize_url = ?4,"
                         " certificate_url = ?5, updated = ?6 WHERE id = ?1",
    [STORE_ORDER_FAIL] =
        "UPDATE orders SET state = 'failed', failure = ?2, updated = ?3 WHERE id = ?1",
    [STORE_ORDER_ISSUED] = "UPDATE orders SET state = 'issued', updated = ?2 WHERE id = ?1",
    [STORE_ORDER_OPEN] = "SELECT " ORDER_COLUMNS " FROM orders WHERE state IN ('new', 'ordering',"
                         " 'authorizing', 'publishing', 'validating', 'finalizing', 'downloading')"
                         " ORDER BY id",
    [STORE_ORDER_NEWEST] = "SELECT " ORDER_COLUMNS " FROM orders ORDER BY id DESC LIMIT ?1",
    [STORE_ORDER_GET] = "SELECT " ORDER_COLUMNS " FROM orders WHERE id = ?1",
    [STORE_ORDER_COUNT] = "SELECT state, count(*) FROM orders GROUP BY state",
    [STORE_CERTIFICATE_ADD] =
        "INSERT INTO certificates (order_id, serial, names, issuer, pem, not_before, not_after,"
        " created, csr_sha256, spki_sha256) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [STORE_CERTIFICATE_NAME_ADD] =
        "INSERT OR IGNORE INTO certificate_names (name, certificate_id) VALUES (?1, ?2)",
    [STORE_ISSUER_CHAIN_ADD] = "INSERT OR IGNORE INTO issuer_chains (pem) VALUES (?1)",
    [STORE_CERTIFICATE_CHAIN_ADD] =
        "INSERT INTO certificate_chains (certificate_id, position, issuer_chain_id)"
        " SELECT ?1, ?2, id FROM issuer_chains WHERE pem = ?3",
    [STORE_CERTIFICATE_PEM] = "SELECT pem FROM certificates WHERE id = ?1",
    [STORE_CERTIFICATE_CHAINS] =
        "SELECT i.pem FROM certificate_chains c JOIN issuer_chains i ON i.id = c.issuer_chain_id"
        " WHERE c.certificate_id = ?1 ORDER BY c.position",
    [STORE_CERTIFICATE_NEWEST] = "SELECT " CERTIFICATE_COLUMNS " FROM " CERTIFICATES_WITH_ORDERS
                                 " ORDER BY c.id DESC LIMIT ?1",
    [STORE_CERTIFICATE_NAMED] =
        "SELECT " CERTIFICATE_COLUMNS " FROM certificate_names n JOIN certificates c"
        " ON c.id = n.certificate_id JOIN orders o ON o.id = c.order_id WHERE n.name = ?2 ORDER BY "
        "n.certificate_id DESC LIMIT ?1",
    [STORE_CERTIFICATE_BY_SERIAL] = CERTIFICATES_BY("serial"),
    [STORE_CERTIFICATE_BY_CSR] = CERTIFICATES_BY("csr_sha256"),
    [STORE_CERTIFICATE_BY_SPKI] = CERTIFICATES_BY("spki_sha256"),
    [STORE_CERTIFICATE_GET] =
        "SELECT " CERTIFICATE_COLUMNS " FROM " CERTIFICATES_WITH_ORDERS " WHERE c.id = ?1",
    [STORE_ENDING] = "SELECT id, not_after, not_before, told FROM certificates"
                     " WHERE (not_after, id) > (?1, ?2) ORDER BY not_after, id LIMIT ?3",
    [STORE_ENDING_TOLD] = "UPDATE certificates SET told = ?2 WHERE id = ?1",
    [STORE_NEWER] =
        "SELECT 1 FROM certificate_names WHERE name = ?1 AND certificate_id > ?2 LIMIT 1",
    [STORE_EVENTS_PRUNE] = "DELETE FROM events WHERE id IN"
                           " (SELECT id FROM events ORDER BY id LIMIT ?2) AND at < ?1",
    [STORE_CERTIFICATE_OF] = "SELECT " CERTIFICATE_COLUMNS " FROM " CERTIFICATES_WITH_ORDERS
                             " WHERE c.order_id = ?1 ORDER BY c.id DESC LIMIT 1",
    [STORE_CERTIFICATE_RENEWAL] =
        "UPDATE certificates SET renew_start = ?2, renew_end = ?3, renew_checked = ?4,"
        " renew_next = ?5, renew_explanation = ?6 WHERE id = ?1",
    [STORE_CERTIFICATE_REVOKED] = "UPDATE certificates SET revoked = ?2, revoked_reason = ?3"
                                  " WHERE id = ?1 AND revoked = 0",
    [STORE_EVENT_ADD] = "INSERT INTO events (order_id, at, text) VALUES (?1, ?2, ?3)",
    [STORE_EVENT_EACH] = "SELECT at, text FROM events WHERE order_id = ?1 ORDER BY id",
    [STORE_GENERATION_GET] = "SELECT reserved FROM generations WHERE one = 1",
    [STORE_LEDGER_PUT] =
        "INSERT OR REPLACE INTO ledger (kind, authority, subject, at, until, count,"
        " uses, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [STORE_LEDGER_DELETE] =
        "DELETE FROM ledger WHERE kind = ?1 AND authority = ?2 AND subject = ?3",
    [STORE_LEDGER_GET] = "SELECT at, until, count, uses, text FROM ledger"
                         " WHERE kind = ?1 AND authority = ?2 AND subject = ?3",
    [STORE_LEDGER_EACH] = "SELECT authority, subject, at, until, count, uses, text FROM ledger"
                          " WHERE kind = ?1 AND at >= ?2 ORDER BY at DESC LIMIT ?3",
    [STORE_LEDGER_PRUNE] =
        "DELETE FROM ledger WHERE kind = ?1 AND (authority, subject) IN"
        " (SELECT authority, subject FROM ledger WHERE kind = ?1 AND at < ?2 LIMIT 500)",
    [STORE_GENERATION_RESERVE] =
        "UPDATE generations SET reserved = max(reserved, ?1) WHERE one = 1",
};

int store_db_error(const struct store *store, int rc, const char *what, struct err *err)
{
    const char *path = store->path;

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_set(err, -ENOSPC, "store %s: %s failed: the disk is full; make room", path,
                       what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return err_set(err, -EACCES,
                       "store %s: %s failed: it may not be written; its file and folder must "
                       "belong to the user that certmilld runs the issuer as",
                       path, what);
    case SQLITE_CANTOPEN:
        return err_set(err, -EACCES,
                       "store %s: cannot be opened; its folder must exist and belong to the user "
                       "that certmilld runs the issuer as",
                       path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY,
                       "store %s: held by another process; stop the other certmilld (or the tool "
                       "that reads it) first",
                       path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_CORRUPT,
                       "store %s: %s failed: the file is damaged or no store; put a backup in its "
                       "place, or move it aside to start with an empty one",
                       path, what);
    case SQLITE_NOMEM:
        return err_set(err, -ENOMEM, "store %s: %s failed: out of memory", path, what);
    case SQLITE_IOERR:
        return err_set(err, -EIO, "store %s: %s failed: the disk does not read or write (%s)", path,
                       what, sqlite3_errstr(rc));
    default:
        return err_set(err, ERR_INTERNAL, "store %s: %s failed: %s", path, what,
                       sqlite3_errmsg(store->db));
    }
}

sqlite3_stmt *store_db_stmt(struct store *store, enum store_stmt which, struct err *err)
{
    int rc;

    if (store->db == NULL) {
        (void)err_set(err, store->lost.code, "%s", store->lost.text);
        return NULL;
    }
    if (store->stmts[which] != NULL) {
        return store->stmts[which];
    }
    rc = sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                            &store->stmts[which], NULL);
    if (rc == SQLITE_OK) {
        return store->stmts[which];
    }
    (void)store_db_error(store, rc, "preparing a statement", err);
    return NULL;
}

int store_db_text(sqlite3_stmt *stmt, int at, const char *text)
{
    return text == NULL ? sqlite3_bind_null(stmt, at)
                        : sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

void store_db_reset(sqlite3_stmt *stmt)
{
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
}

int store_db_run(struct store *store, sqlite3_stmt *stmt, int bound, const char *what,
                 struct err *err)
{
    int rc = bound == SQLITE_OK ? sqlite3_step(stmt) : SQLITE_NOMEM;

    store_db_reset(stmt);
    return rc == SQLITE_DONE ? 0 : store_db_error(store, rc, what, err);
}

int store_db_row(struct store *store, sqlite3_stmt *stmt, const char *what, struct err *err)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        return 1;
    }
    store_db_reset(stmt);
    return rc == SQLITE_DONE ? 0 : store_db_error(store, rc, what, err);
}

const char *store_db_column(sqlite3_stmt *stmt, int at)
{
    return (const char *)sqlite3_column_text(stmt, at);
}

const char *store_db_word(sqlite3_stmt *stmt, int at)
{
    const char *text = store_db_column(stmt, at);

    return text != NULL ? text : "";
}

/* -- transactions -- */

static int plain(struct store *store, enum store_stmt which, const char *what, struct err *err)
{
    sqlite3_stmt *stmt = store_db_stmt(store, which, err);

    return stmt != NULL ? store_db_run(store, stmt, SQLITE_OK, what, err) : -ENOMEM;
}

static void roll_back(struct store *store)
{
    /* after some failures SQLite has done so by itself */
    if (sqlite3_get_autocommit(store->db) == 0) {
        (void)plain(store, STORE_ROLLBACK, "rolling back", NULL);
    }
}

static int commit(struct store *store, struct err *err)
{
    int ret = store_events_write(store, err);

    if (ret == 0) {
        ret = store_ledger_write(store, err);
    }
    if (ret == 0) {
        ret = plain(store, STORE_COMMIT, "writing", err);
    }
    if (ret == 0) {
        store_events_done(store);
        store_ledger_done(store);
    } else {
        roll_back(store);
    }
    return ret;
}

int store_db_begin(struct store *store, struct err *err)
{
    if (!store->batch) {
        return plain(store, STORE_BEGIN, "writing", err);
    }
    return store->failed.code < 0 ? err_set(err, store->failed.code, "%s", store->failed.text) : 0;
}

int store_db_end(struct store *store, int ret, struct err *err)
{
    if (store->batch) {
        if (ret < 0 && store->failed.code == 0) {
            (void)err_set(&store->failed, ret, "%s", err != NULL ? err->text : err_string(ret));
        }
        return ret;
    }
    if (ret == 0) {
        return commit(store, err);
    }
    roll_back(store);
    return ret;
}

int store_db_change(struct store *store, sqlite3_stmt *stmt, int bound, const char *what,
                    struct err *err)
{
    int ret = store_db_begin(store, err);

    if (ret < 0) {
        store_db_reset(stmt);
        return ret;
    }
    return store_db_end(store, store_db_run(store, stmt, bound, what, err), err);
}

int store_batch_begin(struct store *store, struct err *err)
{
    int ret;

    if (store->batch) {
        return err_set(err, ERR_INTERNAL, "store %s: a batch within a batch", store->path);
    }
    if ((ret = plain(store, STORE_BEGIN, "writing", err)) < 0) {
        return ret;
    }
    store->batch = true;
    memset(&store->failed, 0, sizeof store->failed);
    return 0;
}

int store_batch_end(struct store *store, struct err *err)
{
    store->batch = false;
    if (store->failed.code == 0) {
        return commit(store, err);
    }
    roll_back(store);
    return err_set(err, store->failed.code, "%s", store->failed.text);
}

int store_flush(struct store *store, struct err *err)
{
    int ret;

    if ((store->event_count == 0 && store->ledger_count == 0) || store->batch) {
        return 0;
    }
    if ((ret = plain(store, STORE_BEGIN, "writing", err)) < 0) {
        return ret;
    }
    return commit(store, err);
}

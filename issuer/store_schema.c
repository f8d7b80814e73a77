/*
 * The tables, as steps from one schema version to the next. A step that was released is
 * never changed; a change is a new step. PRAGMA user_version holds how many were made.
 *
 * Times are Unix microseconds, validities Unix seconds. Names of an order or a certificate stand
 * together in one column, as they are shown, and those of a certificate once more each in a row
 * of its own, by which they are found.
 */
#include "issuer/store_db.h"

#include <stdio.h>

#define APPLICATION_ID 0x434d494c /* "CMIL" */

static const char *const steps[] = {
    "CREATE TABLE accounts ("
    "  directory TEXT PRIMARY KEY, url TEXT NOT NULL, thumbprint TEXT NOT NULL,"
    "  created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE orders ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL, peer_uid INTEGER NOT NULL,"
    "  directory TEXT NOT NULL, names TEXT NOT NULL, csr BLOB NOT NULL, preferred_chain TEXT,"
    "  state TEXT NOT NULL, url TEXT, finalize_url TEXT, certificate_url TEXT, failure TEXT,"
    "  created INTEGER NOT NULL, updated INTEGER NOT NULL);"
    "CREATE INDEX orders_state ON orders (state);"
    "CREATE TABLE certificates ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders (id),"
    "  serial TEXT NOT NULL, names TEXT NOT NULL, issuer TEXT NOT NULL, pem TEXT NOT NULL,"
    "  not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, created INTEGER NOT NULL);"
    "CREATE INDEX certificates_order ON certificates (order_id);"
    "CREATE INDEX certificates_serial ON certificates (serial);"
    "CREATE TABLE certificate_names ("
    "  name TEXT NOT NULL, certificate_id INTEGER NOT NULL REFERENCES certificates (id),"
    "  PRIMARY KEY (name, certificate_id)) WITHOUT ROWID;"
    "CREATE TABLE events ("
    "  id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, at INTEGER NOT NULL,"
    "  text TEXT NOT NULL);"
    "CREATE INDEX events_order ON events (order_id);"
    "CREATE TABLE generations (one INTEGER PRIMARY KEY CHECK (one = 1), reserved INTEGER NOT NULL);"
    "INSERT INTO generations VALUES (1, 1);",
    /* by which a certificate is found: what was asked for, and the key */
    "ALTER TABLE certificates ADD COLUMN csr_sha256 TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE certificates ADD COLUMN spki_sha256 TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX certificates_csr ON certificates (csr_sha256);"
    "CREATE INDEX certificates_spki ON certificates (spki_sha256);",
    /* revocation, 0: none; renewal information (RFC 9773), renew_end 0: none. Unix seconds */
    "ALTER TABLE certificates ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN revoked_reason INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN renew_start INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN renew_end INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN renew_checked INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN renew_next INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN renew_explanation TEXT NOT NULL DEFAULT '';",
    /* what a resumed order needs to be ordered anew; the other chains of a certificate: what stands
     * behind the leaf, once for all certificates that share it */
    "ALTER TABLE orders ADD COLUMN profile TEXT;"
    "ALTER TABLE orders ADD COLUMN replaces TEXT;"
    "ALTER TABLE orders ADD COLUMN challenge TEXT NOT NULL DEFAULT 'dns-01';"
    "CREATE TABLE issuer_chains (id INTEGER PRIMARY KEY, pem TEXT NOT NULL UNIQUE);"
    "CREATE TABLE certificate_chains ("
    "  certificate_id INTEGER NOT NULL REFERENCES certificates (id), position INTEGER NOT NULL,"
    "  issuer_chain_id INTEGER NOT NULL REFERENCES issuer_chains (id),"
    "  PRIMARY KEY (certificate_id, position)) WITHOUT ROWID;",
    /* from where an order came; how far it was told that a certificate is about to end */
    "ALTER TABLE orders ADD COLUMN address TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE certificates ADD COLUMN told INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX certificates_end ON certificates (not_after, id, not_before, told);",
    /* what counts towards limits (issuer/ledger.h) */
    "CREATE TABLE ledger ("
    "  kind INTEGER NOT NULL, authority TEXT NOT NULL, subject TEXT NOT NULL, at INTEGER NOT NULL,"
    "  until INTEGER NOT NULL, count INTEGER NOT NULL, uses BLOB NOT NULL, text TEXT NOT NULL,"
    "  PRIMARY KEY (kind, authority, subject)) WITHOUT ROWID;"
    "CREATE INDEX ledger_at ON ledger (kind, at);",
    /* what an account is beside its URL; NULL is not known */
    "ALTER TABLE accounts ADD COLUMN key TEXT;"
    "ALTER TABLE accounts ADD COLUMN pending_key TEXT;"
    "ALTER TABLE accounts ADD COLUMN key_type TEXT;"
    "ALTER TABLE accounts ADD COLUMN contact TEXT;"
    "ALTER TABLE accounts ADD COLUMN terms TEXT;"
    "ALTER TABLE accounts ADD COLUMN status TEXT;"
    "ALTER TABLE accounts ADD COLUMN eab_kid TEXT;",
};

#define VERSION ((int)(sizeof steps / sizeof *steps))

static int pragma(struct store *store, const char *name, int *value, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    char sql[64];
    int rc;

    (void)snprintf(sql, sizeof sql, "PRAGMA %s", name);
    rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *value = sqlite3_column_int(stmt, 0);
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? 0 : store_db_error(store, rc, "reading its version", err);
}

static int step(struct store *store, int version, struct err *err)
{
    char mark[96];
    int rc = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db, steps[version], NULL, NULL, NULL);
    }
    (void)snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                   APPLICATION_ID, version + 1);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db, mark, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        return 0;
    }
    rc = store_db_error(store, rc, "making its tables", err);
    (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int store_schema_version(struct store *store, int *out, struct err *err)
{
    int version = 0, application = 0, ret;

    if ((ret = pragma(store, "user_version", &version, err)) < 0 ||
        (ret = pragma(store, "application_id", &application, err)) < 0) {
        return ret;
    }
    *out = version;
    if (version < 0 || (version > 0 && application != APPLICATION_ID)) {
        return err_set(err, ERR_CORRUPT,
                       "store %s: not a store of certmill; move it aside or name another state-dir",
                       store->path);
    }
    if (version > VERSION) {
        return err_set(err, ERR_VERSION,
                       "store %s: written by a newer certmill (schema %d, this one knows %d); "
                       "install that one again, or restore the copy from before",
                       store->path, version, VERSION);
    }
    return 0;
}

int store_schema_apply(struct store *store, struct err *err)
{
    int version, ret = store_schema_version(store, &version, err);

    if (ret < 0) {
        return ret;
    }
    for (; version < VERSION; version++) {
        if ((ret = step(store, version, err)) < 0) {
            return ret;
        }
    }
    return 0;
}

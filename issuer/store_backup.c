/*
 * Copies of the store while it is in use, by SQLite's online backup: what is written meanwhile by
 * our connection goes into the copy as well. And the judgement of a store that nobody has open.
 */
#include "issuer/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "issuer/store_db.h"

struct store_backup {
    struct store *store;
    struct store copy; /* its path and db only */
    sqlite3_backup *job;
};

/* Nobody but us has the copy open, and who gets it syncs it. */
static const char *const copy_settings = "PRAGMA locking_mode = EXCLUSIVE;"
                                         "PRAGMA synchronous = OFF;"
                                         "PRAGMA journal_mode = OFF;"
                                         "PRAGMA cache_size = -512;";

int store_backup_start(struct store_backup **out, struct store *store, const char *path,
                       struct err *err)
{
    struct store_backup *backup;
    int rc, ret = -ENOMEM;

    if (store->db == NULL) {
        return err_set(err, store->lost.code, "%s", store->lost.text);
    }
    backup = calloc(1, sizeof *backup);
    if (backup == NULL || (backup->copy.path = strdup(path)) == NULL) {
        free(backup);
        return err_set(err, ret, "out of memory");
    }
    backup->store = store;
    (void)store_flush(store, NULL);
    (void)unlink(path);
    rc = sqlite3_open_v2(path, &backup->copy.db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                             SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
                         NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(backup->copy.db, copy_settings, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK &&
        (backup->job = sqlite3_backup_init(backup->copy.db, "main", store->db, "main")) == NULL) {
        rc = sqlite3_extended_errcode(backup->copy.db);
    }
    if (rc != SQLITE_OK) {
        ret = store_db_error(&backup->copy, rc, "making a backup", err);
        store_backup_free(backup);
        return ret;
    }
    *out = backup;
    return 0;
}

int store_backup_step(struct store_backup *backup, int pages, struct err *err)
{
    int rc = sqlite3_backup_step(backup->job, pages);

    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        return 1;
    }
    if (rc == SQLITE_DONE) {
        rc = sqlite3_backup_finish(backup->job);
        backup->job = NULL;
    }
    if (rc == SQLITE_OK) { /* one file, that is good without another */
        rc = sqlite3_exec(backup->copy.db, "PRAGMA journal_mode = DELETE;", NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : store_db_error(&backup->copy, rc, "making a backup", err);
}

void store_backup_free(struct store_backup *backup)
{
    if (backup == NULL) {
        return;
    }
    (void)sqlite3_backup_finish(backup->job);
    (void)sqlite3_close_v2(backup->copy.db);
    free(backup->copy.path);
    free(backup);
}

/* -- judging one -- */

static int open_to_check(struct store *store, struct err *err)
{
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | flags, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db,
                          "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -4096;"
                          "PRAGMA trusted_schema = OFF; SELECT count(*) FROM sqlite_schema;",
                          NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : store_db_error(store, rc, "opening it", err);
}

/* The first row's first column as a number into *number, and as text into text[cap]. */
static int ask(struct store *store, const char *sql, int64_t *number, char *text, size_t cap,
               struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

    *number = 0;
    text[0] = '\0';
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *number = sqlite3_column_int64(stmt, 0);
        (void)snprintf(text, cap, "%s", store_db_word(stmt, 0));
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? 0 : store_db_error(store, rc, "checking it", err);
}

static int check_whole(struct store *store, struct err *err)
{
    char text[LIMIT_ERROR_TEXT / 2];
    int64_t ignored;
    int ret = ask(store, "PRAGMA integrity_check(1)", &ignored, text, sizeof text, err);

    if (ret == 0 && strcmp(text, "ok") != 0) {
        ret = err_set(err, ERR_CORRUPT, "store %s: damaged: %s", store->path, text);
    }
    if (ret == 0 &&
        (ret = ask(store, "SELECT count(*) FROM pragma_foreign_key_check", &ignored, text,
                   sizeof text, err)) == 0 &&
        ignored != 0) {
        ret = err_set(err, ERR_CORRUPT, "store %s: damaged: rows without what they belong to: %s",
                      store->path, text);
    }
    return ret;
}

static int report(struct store *store, int version, FILE *out, struct err *err)
{
    static const char *const tables[] = {"accounts", "orders", "certificates"};
    char text[32], sql[64];
    int64_t count;
    int ret = 0;

    fprintf(out, "%s: whole, schema %d", store->path, version);
    for (size_t i = 0; ret == 0 && i < sizeof tables / sizeof *tables; i++) {
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        if ((ret = ask(store, sql, &count, text, sizeof text, err)) == 0) {
            fprintf(out, ", %s: %" PRId64, tables[i], count);
        }
    }
    (void)fputc('\n', out);
    return ret;
}

int store_check(const char *path, FILE *out, struct err *err)
{
    struct store store = {.path = (char *)(uintptr_t)path};
    int version = 0, ret = open_to_check(&store, err);

    if (ret == 0 && (ret = store_schema_version(&store, &version, err)) == 0 && version == 0) {
        ret = err_set(err, ERR_CORRUPT, "store %s: empty", path);
    }
    if (ret == 0 && (ret = check_whole(&store, err)) == 0) {
        ret = report(&store, version, out, err);
    }
    (void)sqlite3_close_v2(store.db);
    return ret;
}

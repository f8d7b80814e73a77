#include "issuer/backup.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"

struct made {
    int count, error;
    char text[300], path[512];
};

static void on_made(void *arg, int error, const char *text, const char *path)
{
    struct made *made = arg;

    made->count++;
    made->error = error;
    (void)snprintf(made->text, sizeof made->text, "%s", text);
    (void)snprintf(made->path, sizeof made->path, "%s", path);
}

static struct store *open_store(struct folder *folder)
{
    struct store *store = NULL;

    CU_ASSERT_EQUAL_FATAL(store_open(&store, folder_file(folder, "store.db"), NULL), 0);
    return store;
}

static void add_orders(struct store *store, int count)
{
    static uint8_t csr[2000];
    const struct store_order order = {
        .client = "x", .directory_url = "d", .names = "a.example", .csr = csr, .csr_len = 2000};
    uint64_t id;

    CU_ASSERT_EQUAL(store_batch_begin(store, NULL), 0);
    for (int i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(store_order_add(store, &order, &id, NULL), 0);
    }
    CU_ASSERT_EQUAL(store_batch_end(store, NULL), 0);
}

/* What store_check says, or the error. */
static int check(struct folder *folder, const char *name, char said[static LIMIT_ERROR_TEXT])
{
    char path[512], *text = NULL;
    size_t len;
    struct err err = {0};
    FILE *out = open_memstream(&text, &len);
    int ret;

    (void)snprintf(path, sizeof path, "%s", folder_file(folder, name));
    ret = store_check(path, out, &err);
    (void)fclose(out);
    (void)snprintf(said, LIMIT_ERROR_TEXT, "%s", ret < 0 ? err.text : text);
    free(text);
    return ret;
}

/* Writing goes on between the steps, and is in the copy. */
static void test_while_written(void)
{
    struct folder folder;
    struct store *store;
    struct backup *backup;
    struct made made = {0};
    char said[LIMIT_ERROR_TEXT], path[512];
    struct err err = {0};
    uv_loop_t loop;
    int turns = 0;

    folder_make(&folder);
    store = open_store(&folder);
    add_orders(store, 300);
    (void)snprintf(path, sizeof path, "%s", folder_file(&folder, "backup.db"));
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
    CU_ASSERT_EQUAL_FATAL(backup_new(&backup, &loop, store, path), 0);
    for (int round = 0; round < 2; round++) {
        CU_ASSERT_EQUAL(backup_run(backup, on_made, &made, &err), 0);
        CU_ASSERT_EQUAL(backup_run(backup, on_made, &made, &err), ERR_BUSY);
        for (turns = 0; made.count == round && turns < 1000; turns++) {
            (void)uv_run(&loop, UV_RUN_NOWAIT);
            add_orders(store, turns < 5 ? 1 : 0);
        }
        CU_ASSERT_EQUAL(made.error, 0);
        CU_ASSERT_STRING_EQUAL(made.path, path);
    }
    CU_ASSERT(turns > 2);
    CU_ASSERT_EQUAL(check(&folder, "backup.db", said), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "whole, schema "));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "orders: 30") != NULL ? said : strstr(said, "orders: 31"));
    CU_ASSERT_EQUAL(access(folder_file(&folder, "backup.db-wal"), F_OK), -1);
    CU_ASSERT_EQUAL(check(&folder, "store.db", said), ERR_BUSY);

    made.count = 0; /* stopped in between: told, and nothing is left */
    CU_ASSERT_EQUAL(backup_run(backup, on_made, &made, &err), 0);
    backup_free(backup);
    CU_ASSERT_EQUAL(made.count, 1);
    CU_ASSERT_EQUAL(made.error, ERR_CANCELLED);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    backup_free(NULL);
    store_close(store);
    CU_ASSERT_EQUAL(check(&folder, "store.db", said), 0);
    folder_remove(&folder);
}

static void test_cannot(void)
{
    const struct err why = {.code = ERR_CORRUPT, .text = "gone"};
    struct store_backup *job = NULL;
    struct folder folder;
    struct store *store;
    struct err err = {0};

    folder_make(&folder);
    store = open_store(&folder);
    CU_ASSERT_EQUAL(store_backup_start(&job, store, "/nowhere/backup", &err), -EACCES);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/backup"));
    store_close(store);
    CU_ASSERT_EQUAL(store_open_lost(&store, "x", &why), 0);
    CU_ASSERT(store_backup_start(&job, store, folder_file(&folder, "b"), &err) < 0);
    CU_ASSERT_STRING_EQUAL(err.text, "gone");
    store_close(store);
    folder_remove(&folder);
}

static void run_sql(struct folder *folder, const char *sql)
{
    sqlite3 *db = NULL;

    CU_ASSERT_EQUAL(sqlite3_open(folder_file(folder, "store.db"), &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_close(db), SQLITE_OK);
}

static void test_check(void)
{
    static const struct {
        const char *sql;
        int code;
        const char *words;
    } bad[] = {
        {"INSERT INTO certificate_names VALUES ('x', 99)", ERR_CORRUPT, "rows without"},
        {"PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'orders_state'",
         ERR_CORRUPT, "damaged: "},
        {"PRAGMA user_version = 99", ERR_VERSION, "newer certmill"},
        {"PRAGMA application_id = 1", ERR_CORRUPT, "not a store of certmill"},
        {"PRAGMA user_version = 0", ERR_CORRUPT, "empty"},
    };
    char said[LIMIT_ERROR_TEXT];
    struct folder folder;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        folder_make(&folder);
        struct store *store = open_store(&folder);
        add_orders(store, 3);
        store_close(store);
        CU_ASSERT_EQUAL(check(&folder, "store.db", said), 0);
        run_sql(&folder, bad[i].sql);
        CU_ASSERT_EQUAL(check(&folder, "store.db", said), bad[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, bad[i].words));
        folder_remove(&folder);
    }
    folder_make(&folder);
    CU_ASSERT_EQUAL(check(&folder, "none", said), -EACCES);
    folder_remove(&folder);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"made while it is written", test_while_written},
        {"cannot be made", test_cannot},
        {"what a check finds", test_check},
    };
    return RUN("store backup", tests);
}

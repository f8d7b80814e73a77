/*
 * The ledger's rows in the store: written behind, found at once, durable with what is durable.
 */
#include "issuer/store_ledger.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"

static const struct store_ledger_key key = {STORE_LEDGER_DOMAIN, "https://ca.example/dir",
                                            "example.org"};

static struct store *open_at(struct folder *folder)
{
    struct store *store = NULL;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(store_open(&store, folder_file(folder, "store.db"), &err), 0);
    return store;
}

static struct store_ledger_row row_with(int64_t at)
{
    return (struct store_ledger_row){.at = at,
                                     .until = at + 5,
                                     .count = 7,
                                     .use_count = 2,
                                     .uses = {{at - 1, 3}, {at, UINT32_MAX}},
                                     .text = "why"};
}

/* The row's at, or 0. */
static int64_t at_of(struct store *store, const struct store_ledger_key *which)
{
    struct store_ledger_row row;
    int ret = store_ledger_get(store, which, &row, NULL);

    CU_ASSERT(ret >= 0);
    return ret > 0 ? row.at : 0;
}

static void test_rows(void)
{
    struct folder folder;
    struct store_ledger_row row = row_with(100), found;

    folder_make(&folder);
    struct store *store = open_at(&folder);

    CU_ASSERT_EQUAL(at_of(store, &key), 0);
    CU_ASSERT_EQUAL(store_ledger_put(store, &key, &row), 0);
    CU_ASSERT_EQUAL(at_of(store, &key), 100);
    row = row_with(200);
    CU_ASSERT_EQUAL(store_ledger_put(store, &key, &row), 0);
    CU_ASSERT_EQUAL(store_flush(store, NULL), 0);
    store_close(store);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_ledger_get(store, &key, &found, NULL), 1);
    CU_ASSERT(found.at == row.at && found.until == row.until && found.count == row.count);
    CU_ASSERT_EQUAL_FATAL(found.use_count, row.use_count);
    for (size_t i = 0; i < row.use_count; i++) {
        CU_ASSERT(found.uses[i].at == row.uses[i].at && found.uses[i].n == row.uses[i].n);
    }
    CU_ASSERT_STRING_EQUAL(found.text, row.text);
    CU_ASSERT_EQUAL(store_ledger_put(store, &key, NULL), 0);
    CU_ASSERT_EQUAL(at_of(store, &key), 0);
    CU_ASSERT_EQUAL(store_flush(store, NULL), 0);
    CU_ASSERT_EQUAL(at_of(store, &key), 0);
    store_close(store);
    folder_remove(&folder);
}

struct list {
    int count;
    int64_t last;
};

static void note(void *arg, const struct store_ledger_key *which,
                 const struct store_ledger_row *row)
{
    struct list *list = arg;

    CU_ASSERT_EQUAL(which->kind, STORE_LEDGER_DOMAIN);
    CU_ASSERT_STRING_EQUAL(which->authority, "https://ca.example/dir");
    CU_ASSERT(list->count == 0 || row->at < list->last);
    list->last = row->at;
    list->count++;
}

static int count_from(struct store *store, int64_t from, unsigned limit)
{
    struct list list = {0};

    CU_ASSERT_EQUAL(store_ledger_each(store, STORE_LEDGER_DOMAIN, from, limit, note, &list, NULL),
                    0);
    return list.count;
}

static void put_many(struct store *store, int count)
{
    for (int i = 1; i <= count; i++) {
        char subject[32];
        const struct store_ledger_key one = {key.kind, key.authority, subject};
        struct store_ledger_row row = row_with(i);

        (void)snprintf(subject, sizeof subject, "d%d.example", i);
        CU_ASSERT_EQUAL(store_ledger_put(store, &one, &row), 0);
    }
}

/* More than may wait are written by the way. */
static void test_many(void)
{
    struct folder folder;

    folder_make(&folder);
    struct store *store = open_at(&folder);

    put_many(store, LIMIT_LEDGER_WAITING + 500);
    CU_ASSERT_EQUAL(count_from(store, 0, 10000), LIMIT_LEDGER_WAITING + 500);
    CU_ASSERT_EQUAL(count_from(store, LIMIT_LEDGER_WAITING, 10000), 501);
    CU_ASSERT_EQUAL(count_from(store, 0, 10), 10);
    CU_ASSERT_EQUAL(store_ledger_prune(store, STORE_LEDGER_DOMAIN, 11, NULL), 0);
    CU_ASSERT_EQUAL(count_from(store, 0, 10000), LIMIT_LEDGER_WAITING + 490);
    CU_ASSERT_EQUAL(store_ledger_prune(store, STORE_LEDGER_DOMAIN, 100000, NULL), 0);
    CU_ASSERT_EQUAL(count_from(store, 0, 10000), LIMIT_LEDGER_WAITING - 10);
    store_close(store);
    folder_remove(&folder);
}

/* A batch that fails takes no row with it: it waits for the next. */
static void test_failed_batch(void)
{
    struct folder folder;
    struct store_ledger_row row = row_with(100);
    struct store_order bad = {.client = "c", .directory_url = NULL, .names = "n"};
    struct err err = {0};
    uint64_t id;

    folder_make(&folder);
    struct store *store = open_at(&folder);

    CU_ASSERT_EQUAL(store_batch_begin(store, &err), 0);
    CU_ASSERT(store_order_add(store, &bad, &id, &err) < 0);
    CU_ASSERT_EQUAL(store_ledger_put(store, &key, &row), 0);
    CU_ASSERT(store_batch_end(store, &err) < 0);
    CU_ASSERT_EQUAL(at_of(store, &key), 100);
    CU_ASSERT_EQUAL(store_flush(store, &err), 0);
    store_close(store);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(at_of(store, &key), 100);
    store_close(store);
    folder_remove(&folder);
}

/* A disk that takes nothing: memory stays bounded, the newest are kept. */
static void test_full(void)
{
    struct folder folder;
    struct rlimit unlimited, none;
    const struct store_ledger_key first = {key.kind, key.authority, "d1.example"},
                                  last = {key.kind, key.authority, "d1524.example"};

    folder_make(&folder);
    struct store *store = open_at(&folder);

    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    none = (struct rlimit){.rlim_cur = 1, .rlim_max = unlimited.rlim_max};
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &none), 0);
    put_many(store, LIMIT_LEDGER_WAITING + 500);
    CU_ASSERT_EQUAL(at_of(store, &first), 0);
    CU_ASSERT_EQUAL(at_of(store, &last), LIMIT_LEDGER_WAITING + 500);
    CU_ASSERT(store_flush(store, NULL) < 0);
    CU_ASSERT_EQUAL(at_of(store, &last), LIMIT_LEDGER_WAITING + 500);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    CU_ASSERT_EQUAL(store_flush(store, NULL), 0);
    store_close(store);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(at_of(store, &last), LIMIT_LEDGER_WAITING + 500);
    store_close(store);
    folder_remove(&folder);
}

/* Killed behind the next durable operation: the row is there with it. */
static void test_killed(void)
{
    struct folder folder;
    struct store_ledger_row row = row_with(100);
    int status;
    pid_t child;

    folder_make(&folder);
    if ((child = fork()) == 0) {
        struct store *store = NULL;

        if (store_open(&store, folder_file(&folder, "store.db"), NULL) < 0 ||
            store_ledger_put(store, &key, &row) < 0 ||
            store_generation_reserve(store, 2, NULL) < 0) {
            _exit(1);
        }
        (void)raise(SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFSIGNALED(status));
    struct store *store = open_at(&folder);

    CU_ASSERT_EQUAL(at_of(store, &key), 100);
    store_close(store);
    folder_remove(&folder);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"rows", test_rows}, {"many", test_many},     {"failed batch", test_failed_batch},
        {"full", test_full}, {"killed", test_killed},
    };

    return RUN("store ledger", tests);
}

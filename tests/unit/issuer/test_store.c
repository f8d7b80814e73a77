#include "issuer/store.h"

#include "issuer/acme.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"

static struct store *open_at(struct folder *folder)
{
    struct store *store = NULL;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(store_open(&store, folder_file(folder, "store.db"), &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return store;
}

static uint64_t add_order(struct store *store, const char *names)
{
    const struct store_order order = {.client = "192.0.2.1",
                                      .peer_uid = 1000,
                                      .directory_url = "https://ca.example/dir",
                                      .names = names,
                                      .csr = (const uint8_t *)"\x30\0\1",
                                      .csr_len = 3,
                                      .created = 1000000};
    struct err err = {0};
    uint64_t id = 0;

    CU_ASSERT_EQUAL(store_order_add(store, &order, &id, &err), 0);
    return id;
}

static int issue(struct store *store, uint64_t id, const char *names)
{
    const struct store_certificate cert = {.serial = "1a2b",
                                           .names = names,
                                           .issuer = "CN=Test",
                                           .pem = "-----BEGIN CERTIFICATE-----\n",
                                           .not_before = 10,
                                           .not_after = 20,
                                           .created = 2000000};

    return store_order_issue(store, id, &cert, NULL);
}

static int issue_for(struct store *store, const char *serial, const char *csr, const char *spki)
{
    const struct store_certificate cert = {.serial = serial,
                                           .names = "f.example",
                                           .issuer = "CN=Test",
                                           .pem = "-----BEGIN CERTIFICATE-----\n",
                                           .not_before = 10,
                                           .not_after = 20,
                                           .created = 2000000,
                                           .csr_sha256 = csr,
                                           .spki_sha256 = spki};

    return store_order_issue(store, add_order(store, "f.example"), &cert, NULL);
}

/* What a callback saw, as text. */
struct seen {
    char text[1024];
    int count;
};

static void saw(struct seen *seen, const char *text)
{
    size_t len = strlen(seen->text);

    (void)snprintf(seen->text + len, sizeof seen->text - len, "%s%s", len > 0 ? " " : "", text);
    seen->count++;
}

static void saw_order(void *arg, const struct store_order *order)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%llu:%s:%s:%s:%s", (unsigned long long)order->id,
                   order->state, order->names, order->url != NULL ? order->url : "-",
                   order->failure != NULL ? order->failure : "-");
    CU_ASSERT_EQUAL(order->csr_len, 3);
    CU_ASSERT_EQUAL(memcmp(order->csr, "\x30\0\1", 3), 0);
    CU_ASSERT_EQUAL(order->peer_uid, 1000);
    CU_ASSERT_STRING_EQUAL(order->client, "192.0.2.1");
    saw(arg, text);
}

static void saw_certificate(void *arg, const struct store_certificate *cert)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%llu:%s:%s", (unsigned long long)cert->order_id,
                   cert->serial, cert->names);
    CU_ASSERT_STRING_EQUAL(cert->pem, "-----BEGIN CERTIFICATE-----\n");
    CU_ASSERT_EQUAL(cert->not_after, 20);
    saw(arg, text);
}

static void saw_whole(void *arg, const struct store_certificate *cert)
{
    char text[512];

    (void)snprintf(text, sizeof text, "%llu:%s:%s:%s:%s:%s", (unsigned long long)cert->id,
                   cert->serial, cert->csr_sha256, cert->spki_sha256, cert->directory_url,
                   cert->client);
    saw(arg, text);
}

static void saw_event(void *arg, int64_t at_us, const char *text)
{
    char line[300];

    (void)snprintf(line, sizeof line, "%lld=%s", (long long)at_us, text);
    saw(arg, line);
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void saw_account(void *arg, const char *directory_url, const struct acme_account *account,
                        int64_t created)
{
    struct seen *seen = arg;

    snprintf(seen->text, sizeof seen->text, "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%lld", directory_url,
             or_dash(account->url), or_dash(account->thumbprint), or_dash(account->key),
             or_dash(account->pending), or_dash(account->key_type), or_dash(account->contact),
             or_dash(account->terms), or_dash(account->status), or_dash(account->eab_kid),
             (long long)created);
}

/* -- one operation after the other -- */

static void find(struct store *store, enum store_key key, const char *value, unsigned limit,
                 const char *expected)
{
    struct seen seen = {0};

    CU_ASSERT_EQUAL(store_certificate_find(store, key, value, limit, saw_whole, &seen, NULL), 0);
    CU_ASSERT_STRING_EQUAL(seen.text, expected);
}

static void test_find(void)
{
    struct folder folder;
    struct store *store;

    folder_make(&folder);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(issue_for(store, "01", "c1", "k1"), 0);
    CU_ASSERT_EQUAL(issue_for(store, "02", "c2", "k1"), 0);
    CU_ASSERT_EQUAL(issue_for(store, "03", "c1", "k1"), 0);
    CU_ASSERT_EQUAL(issue_for(store, "04", NULL, NULL), 0);
    find(store, STORE_BY_SERIAL, "02", 9, "2:02:c2:k1:https://ca.example/dir:192.0.2.1");
    find(store, STORE_BY_SERIAL, "05", 9, "");
    find(store, STORE_BY_CSR, "c1", 9,
         "3:03:c1:k1:https://ca.example/dir:192.0.2.1 1:01:c1:k1:https://ca.example/dir:192.0.2.1");
    find(store, STORE_BY_CSR, "c1", 1, "3:03:c1:k1:https://ca.example/dir:192.0.2.1");
    find(store, STORE_BY_SPKI, "k1", 2,
         "3:03:c1:k1:https://ca.example/dir:192.0.2.1 2:02:c2:k1:https://ca.example/dir:192.0.2.1");
    store_close(store);
    folder_remove(&folder);
}

static void test_orders(void)
{
    const struct order_saved saved = {.state = ORDER_AUTHORIZING, .url = "https://ca.example/o/1"};
    struct seen open = {0}, newest = {0}, one = {0};
    uint64_t counts[ORDER_STATES];
    struct folder folder;
    struct store *store;
    uint64_t a, b, c;

    folder_make(&folder);
    store = open_at(&folder);
    a = add_order(store, "a.example");
    b = add_order(store, "b.example,*.b.example");
    c = add_order(store, "c.example");
    CU_ASSERT_EQUAL(store_order_save(store, a, &saved, 5, NULL), 0);
    CU_ASSERT_EQUAL(store_order_fail(store, b, "no", 6, NULL), 0);
    CU_ASSERT_EQUAL(store_order_each_open(store, saw_order, &open, NULL), 0);
    CU_ASSERT_STRING_EQUAL(open.text, "1:authorizing:a.example:https://ca.example/o/1:- "
                                      "3:new:c.example:-:-");
    CU_ASSERT_EQUAL(store_order_each(store, 2, saw_order, &newest, NULL), 0);
    CU_ASSERT_STRING_EQUAL(newest.text, "3:new:c.example:-:- 2:failed:b.example,*.b.example:-:no");
    CU_ASSERT_EQUAL(store_order_get(store, c, saw_order, &one, NULL), 0);
    CU_ASSERT_EQUAL(one.count, 1);
    CU_ASSERT_EQUAL(store_order_get(store, 99, saw_order, &one, NULL), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(store_order_count(store, counts, NULL), 0);
    CU_ASSERT_EQUAL(counts[ORDER_NEW], 1);
    CU_ASSERT_EQUAL(counts[ORDER_AUTHORIZING], 1);
    CU_ASSERT_EQUAL(counts[ORDER_FAILED], 1);
    CU_ASSERT_EQUAL(counts[ORDER_ISSUED], 0);
    store_close(store);
    folder_remove(&folder);
}

static void test_certificates(void)
{
    struct seen all = {0}, named = {0}, wild = {0}, of = {0}, open = {0};
    struct folder folder;
    struct store *store;
    uint64_t a, b;

    folder_make(&folder);
    store = open_at(&folder);
    a = add_order(store, "a.example");
    b = add_order(store, "b.example,*.b.example");
    CU_ASSERT_EQUAL(issue(store, a, "a.example"), 0);
    CU_ASSERT_EQUAL(issue(store, b, "b.example,*.b.example"), 0);
    CU_ASSERT_EQUAL(store_certificate_each(store, NULL, 10, saw_certificate, &all, NULL), 0);
    CU_ASSERT_STRING_EQUAL(all.text, "2:1a2b:b.example,*.b.example 1:1a2b:a.example");
    CU_ASSERT_EQUAL(store_certificate_each(store, "a.example", 10, saw_certificate, &named, NULL),
                    0);
    CU_ASSERT_STRING_EQUAL(named.text, "1:1a2b:a.example");
    CU_ASSERT_EQUAL(store_certificate_each(store, "*.b.example", 10, saw_certificate, &wild, NULL),
                    0);
    CU_ASSERT_EQUAL(wild.count, 1);
    CU_ASSERT_EQUAL(store_certificate_of(store, a, saw_certificate, &of, NULL), 0);
    CU_ASSERT_STRING_EQUAL(of.text, "1:1a2b:a.example");
    CU_ASSERT_EQUAL(store_certificate_of(store, 77, saw_certificate, &of, NULL), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(store_order_each_open(store, saw_order, &open, NULL), 0);
    CU_ASSERT_EQUAL(open.count, 0);
    store_close(store);
    folder_remove(&folder);
}

static void test_accounts(void)
{
    const struct acme_account one = {.thumbprint = "t1", .key = "k", .pending = "k-2"};
    const struct acme_account two = {.url = "https://ca/2",
                                     .key = "k-2",
                                     .key_type = "rsa-2048",
                                     .thumbprint = "t2",
                                     .contact = "",
                                     .terms = "https://ca/terms",
                                     .status = "valid",
                                     .eab_kid = "kid"};
    struct seen seen = {0};
    struct folder folder;
    struct store *store;

    folder_make(&folder);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_account_get(store, "https://ca/d", saw_account, &seen, NULL),
                    ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(store_account_put(store, "https://ca/d", &one, 7, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(store_account_get(store, "https://ca/d", saw_account, &seen, NULL), 0);
    CU_ASSERT_STRING_EQUAL(seen.text, "https://ca/d,-,t1,k,k-2,-,-,-,-,-,7");
    CU_ASSERT_EQUAL(store_account_put(store, "https://ca/d", &two, 8, NULL), 0);
    CU_ASSERT_EQUAL(store_account_each(store, saw_account, &seen, NULL), 0);
    CU_ASSERT_STRING_EQUAL(
        seen.text, "https://ca/d,https://ca/2,t2,k-2,-,rsa-2048,,https://ca/terms,valid,kid,7");
    store_close(store);
    folder_remove(&folder);
}

static void test_generations(void)
{
    uint64_t first = 0;
    struct folder folder;
    struct store *store;

    folder_make(&folder);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_generation_get(store, &first, NULL), 0);
    CU_ASSERT_EQUAL(first, 1);
    CU_ASSERT_EQUAL(store_generation_reserve(store, 1025, NULL), 0);
    CU_ASSERT_EQUAL(store_generation_reserve(store, 17, NULL), 0);
    store_close(store);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_generation_get(store, &first, NULL), 0);
    CU_ASSERT_EQUAL(first, 1025);
    store_close(store);
    folder_remove(&folder);
}

/* -- events and batches -- */

static void test_events(void)
{
    struct seen before = {0}, after = {0}, later = {0};
    struct folder folder;
    struct store *store;
    uint64_t id;

    folder_make(&folder);
    store = open_at(&folder);
    id = add_order(store, "a.example");
    CU_ASSERT_EQUAL(store_event_add(store, id, 1, "ordered"), 0);
    CU_ASSERT_EQUAL(store_event_add(store, id + 1, 2, "other"), 0);
    CU_ASSERT_EQUAL(store_event_add(store, id, 3, "issued"), 0);
    CU_ASSERT_EQUAL(store_event_each(store, id, saw_event, &before, NULL), 0);
    CU_ASSERT_STRING_EQUAL(before.text, "1=ordered 3=issued");
    CU_ASSERT_EQUAL(store_flush(store, NULL), 0);
    CU_ASSERT_EQUAL(store_event_each(store, id, saw_event, &after, NULL), 0);
    CU_ASSERT_STRING_EQUAL(after.text, before.text);
    CU_ASSERT_EQUAL(store_event_add(store, id, 4, "at the end"), 0);
    store_close(store);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_event_each(store, id, saw_event, &later, NULL), 0);
    CU_ASSERT_STRING_EQUAL(later.text, "1=ordered 3=issued 4=at the end");
    store_close(store);
    folder_remove(&folder);
}

static void test_batch(void)
{
    const struct store_order no_names = {.client = "", .directory_url = "x", .csr_len = 0};
    struct seen open = {0}, again = {0};
    struct err err = {0};
    struct folder folder;
    struct store *store;
    uint64_t id;

    folder_make(&folder);
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_batch_begin(store, &err), 0);
    (void)add_order(store, "a.example");
    (void)add_order(store, "b.example");
    CU_ASSERT_EQUAL(store_batch_end(store, &err), 0);
    CU_ASSERT_EQUAL(store_order_each_open(store, saw_order, &open, NULL), 0);
    CU_ASSERT_EQUAL(open.count, 2);
    /* one failure takes all of the batch back */
    CU_ASSERT_EQUAL(store_batch_begin(store, &err), 0);
    (void)add_order(store, "c.example");
    CU_ASSERT(store_order_add(store, &no_names, &id, &err) < 0);
    CU_ASSERT(store_order_fail(store, 1, "x", 1, &err) < 0);
    CU_ASSERT(store_batch_end(store, &err) < 0);
    CU_ASSERT_STRING_NOT_EQUAL(err.text, "");
    CU_ASSERT_EQUAL(store_order_each_open(store, saw_order, &again, NULL), 0);
    CU_ASSERT_STRING_EQUAL(again.text, open.text);
    CU_ASSERT_EQUAL(issue(store, 1, "a.example"), 0);
    store_close(store);
    folder_remove(&folder);
}

static void test_many_events(void)
{
    struct seen seen = {0};
    struct folder folder;
    struct store *store;

    folder_make(&folder);
    store = open_at(&folder);
    for (int i = 0; i < 10000; i++)
        CU_ASSERT_EQUAL(store_event_add(store, (uint64_t)i, i, "x"), 0);
    CU_ASSERT_EQUAL(store_event_each(store, 9999, saw_event, &seen, NULL), 0);
    CU_ASSERT_EQUAL(store_event_each(store, 1, saw_event, &seen, NULL), 0);
    CU_ASSERT_STRING_EQUAL(seen.text, "9999=x 1=x");
    store_close(store);
    folder_remove(&folder);
}

/* -- what goes wrong -- */

static void cannot_open(const char *path, int code, const char *words)
{
    struct store *store = NULL;
    struct err err = {0};

    CU_ASSERT_EQUAL(store_open(&store, path, &err), code);
    if (strstr(err.text, words) == NULL)
        printf("\n  wanted \"%s\", got \"%s\"\n", words, err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_PTR_NULL(store);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void test_wrong_files(void)
{
    struct folder folder;
    const char *path;
    FILE *file;

    folder_make(&folder);
    store_close(open_at(&folder));
    path = folder_file(&folder, "store.db");
    run_sql(path, "PRAGMA user_version = 99");
    cannot_open(path, ERR_VERSION, "newer certmill");
    run_sql(path, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    cannot_open(path, ERR_CORRUPT, "not a store of certmill");
    path = folder_file(&folder, "noise");
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (int i = 0; i < 5000; i++)
        (void)fputs("no database", file);
    (void)fclose(file);
    cannot_open(path, ERR_CORRUPT, "damaged");
    cannot_open(folder_file(&folder, "no/such/folder"), -EACCES, "cannot be opened");
    folder_remove(&folder);
}

/* Each operation of a store that is not there gives the reason. */
static void test_lost(void)
{
    const struct err why = {.code = ERR_VERSION, .text = "written by a newer certmill"};
    const struct store_order order = {.client = "", .directory_url = "x", .names = "a.example"};
    struct seen seen = {0};
    struct store *store;
    struct err err;
    uint64_t n;

    CU_ASSERT_EQUAL_FATAL(store_open_lost(&store, "/nowhere", &why), 0);
    CU_ASSERT_STRING_EQUAL(store_lost(store), why.text);
#define LOST(call)                                                                                 \
    err = (struct err){0};                                                                         \
    CU_ASSERT((call) < 0);                                                                         \
    CU_ASSERT_EQUAL(err.code, ERR_INTERNAL);                                                       \
    CU_ASSERT_STRING_EQUAL(err.text, why.text)
    LOST(store_order_add(store, &order, &n, &err));
    LOST(store_batch_begin(store, &err));
    LOST(store_generation_get(store, &n, &err));
    LOST(store_generation_reserve(store, 5, &err));
    LOST(store_account_put(store, "d", &(struct acme_account){.url = "a"}, 1, &err));
    LOST(store_account_get(store, "d", saw_account, &seen, &err));
    LOST(store_certificate_each(store, NULL, 5, saw_certificate, NULL, &err));
    LOST(store_certificate_find(store, STORE_BY_CSR, "x", 5, saw_certificate, NULL, &err));
    LOST(store_order_each_open(store, saw_order, NULL, &err));
#undef LOST
    CU_ASSERT_EQUAL(store_event_add(store, 1, 1, "x"), 0);
    store_close(store);
}

static void test_held(void)
{
    struct folder folder;
    struct store *store;

    folder_make(&folder);
    store = open_at(&folder);
    cannot_open(folder_file(&folder, "store.db"), ERR_BUSY, "another process");
    store_close(store);
    folder_remove(&folder);
}

/* A file size limit stands in for the full disk. */
static void test_full(void)
{
    struct rlimit old, small;
    struct folder folder;
    struct err err = {0};
    struct store *store;
    struct seen seen = {0};
    uint64_t id;
    int ret = 0;

    folder_make(&folder);
    store = open_at(&folder);
    id = add_order(store, "a.example");
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){65536, old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 1000 && ret == 0; i++)
        ret = store_order_fail(store, id, "a reason that takes some room on the disk", i, &err);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT(ret < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "failed"));
    /* once there is room again it goes on */
    CU_ASSERT_EQUAL(issue(store, id, "a.example"), 0);
    CU_ASSERT_EQUAL(store_order_get(store, id, saw_order, &seen, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(seen.text, "issued"));
    store_close(store);
    folder_remove(&folder);
}

/* Killed in the middle: what was returned is there. */
static void test_killed(void)
{
    struct seen seen = {0};
    struct folder folder;
    struct store *store;
    pid_t child;
    int status;

    folder_make(&folder);
    (void)fflush(NULL);
    if ((child = fork()) == 0) {
        struct err err = {0};
        uint64_t id = 0;
        const struct store_order order = {.client = "192.0.2.1",
                                          .peer_uid = 1000,
                                          .directory_url = "https://ca.example/dir",
                                          .names = "a.example",
                                          .csr = (const uint8_t *)"\x30\0\1",
                                          .csr_len = 3};

        if (store_open(&store, folder_file(&folder, "store.db"), &err) < 0 ||
            store_order_add(store, &order, &id, &err) < 0 || store_batch_begin(store, &err) < 0 ||
            store_order_add(store, &order, &id, &err) < 0)
            _exit(1);
        (void)raise(SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFSIGNALED(status));
    store = open_at(&folder);
    CU_ASSERT_EQUAL(store_order_each_open(store, saw_order, &seen, NULL), 0);
    CU_ASSERT_EQUAL(seen.count, 1);
    store_close(store);
    folder_remove(&folder);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"orders", test_orders},
        {"certificates", test_certificates},
        {"certificates found by serial, request and key", test_find},
        {"accounts", test_accounts},
        {"generations", test_generations},
        {"events", test_events},
        {"batch", test_batch},
        {"many events", test_many_events},
        {"wrong files", test_wrong_files},
        {"lost", test_lost},
        {"held", test_held},
        {"full", test_full},
        {"killed", test_killed},
    };
    return RUN("store", tests);
}

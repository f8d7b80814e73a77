#include "issuer/expiry.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"

#define DAY 86400

struct fixture {
    struct folder folder;
    uv_loop_t loop;
    struct clock clock;
    int64_t now;
    struct store *store;
    struct audit *audit;
    struct server_conf conf;
    struct expiry *expiry;
    int told;
    char serials[4096];
};

static int64_t wall(void *arg)
{
    const struct fixture *f = arg;

    return f->now * 1000000;
}

static uint64_t mono(void *arg)
{
    (void)arg;
    return 0;
}

static void on_event(void *arg, const struct audit_event *event)
{
    struct fixture *f = arg;
    size_t len = strlen(f->serials);

    CU_ASSERT_STRING_EQUAL(event->what, "expiring");
    CU_ASSERT_STRING_EQUAL(event->client, "web1");
    CU_ASSERT_PTR_NOT_NULL(strstr(event->outcome, "no newer certificate"));
    (void)snprintf(f->serials + len, sizeof f->serials - len, " %s", event->serial);
    f->told++;
}

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    folder_make(&f->folder);
    f->now = 1000 * DAY;
    f->clock = (struct clock){.wall_us = wall, .mono_ms = mono, .arg = f};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    CU_ASSERT_EQUAL_FATAL(store_open(&f->store, folder_file(&f->folder, "store.db"), NULL), 0);
    CU_ASSERT_EQUAL_FATAL(audit_open_lost(&f->audit, "x", &f->clock, NULL), 0);
    audit_observe(f->audit, on_event, f);
    const struct expiry_options options = {.loop = &f->loop,
                                           .clock = &f->clock,
                                           .store = f->store,
                                           .audit = f->audit,
                                           .conf = &f->conf};
    CU_ASSERT_EQUAL_FATAL(expiry_new(&f->expiry, &options), 0);
}

static void tear_down(struct fixture *f)
{
    expiry_free(f->expiry);
    expiry_free(NULL);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    audit_close(f->audit);
    store_close(f->store);
    folder_remove(&f->folder);
}

/* A certificate that ends so many seconds from now, of so many days. */
static void add(struct fixture *f, const char *serial, const char *names, int64_t left,
                int64_t days)
{
    const struct store_order order = {.client = "web1",
                                      .directory_url = "d",
                                      .names = names,
                                      .csr = (const uint8_t *)"x",
                                      .csr_len = 1};
    const struct store_certificate cert = {.serial = serial,
                                           .names = names,
                                           .issuer = "CN=x",
                                           .pem = "x",
                                           .not_before = f->now + left - days * DAY,
                                           .not_after = f->now + left};
    uint64_t id;

    CU_ASSERT_EQUAL(store_order_add(f->store, &order, &id, NULL), 0);
    CU_ASSERT_EQUAL(store_order_issue(f->store, id, &cert, NULL), 0);
}

/* A whole round; what it told of. */
static const char *round_of(struct fixture *f)
{
    f->serials[0] = '\0';
    f->told = 0;
    for (int i = 0; i < 1000 && expiry_step(f->expiry); i++) {
    }
    return f->serials;
}

static void test_stages(void)
{
    const struct server_conf third = {0}, fixed = {.renew_within = 8};
    const int64_t end = 90 * DAY;

    CU_ASSERT_EQUAL(expiry_stage(&third, 0, end, -1), 0);
    CU_ASSERT_EQUAL(expiry_stage(&third, 0, end, end - 15 * DAY - 1), 0);
    CU_ASSERT_EQUAL(expiry_stage(&third, 0, end, end - 15 * DAY), 1);
    CU_ASSERT_EQUAL(expiry_stage(&third, 0, end, end - 30 * DAY / 8 - 1), 1);
    CU_ASSERT_EQUAL(expiry_stage(&third, 0, end, end - 30 * DAY / 8), 2);
    CU_ASSERT_EQUAL(expiry_stage(&third, 0, end, end), 0);
    CU_ASSERT_EQUAL(expiry_stage(&fixed, 0, end, end - 4 * DAY - 1), 0);
    CU_ASSERT_EQUAL(expiry_stage(&fixed, 0, end, end - 4 * DAY), 1);
    CU_ASSERT_EQUAL(expiry_stage(&fixed, 0, end, end - DAY), 2);
}

static void test_told(void)
{
    struct fixture f;

    set_up(&f);
    add(&f, "old", "a.example,b.example", 10 * DAY, 90);
    add(&f, "half", "c.example,d.example", 9 * DAY, 90);
    add(&f, "alone", "e.example", 8 * DAY, 90);
    add(&f, "over", "f.example", -DAY, 90);
    add(&f, "young", "g.example", 40 * DAY, 90);
    add(&f, "new", "b.example,a.example,h.example", 89 * DAY, 90); /* in place of old */
    add(&f, "new-half", "c.example", 89 * DAY, 90);                /* not for d.example */
    CU_ASSERT_STRING_EQUAL(round_of(&f), " alone half");
    CU_ASSERT_STRING_EQUAL(round_of(&f), ""); /* once a stage */
    f.now += 6 * DAY;
    CU_ASSERT_STRING_EQUAL(round_of(&f), " alone half");
    CU_ASSERT_STRING_EQUAL(round_of(&f), "");
    f.now += 20 * DAY;
    CU_ASSERT_STRING_EQUAL(round_of(&f), " young");
    f.conf.renew_within = 80;
    expiry_configure(f.expiry, &f.conf);
    CU_ASSERT_EQUAL(strcmp(round_of(&f), ""), 0);
    f.now += 30 * DAY;
    CU_ASSERT_STRING_EQUAL(round_of(&f), " new new-half");
    tear_down(&f);
}

static void test_revoked(void)
{
    struct fixture f;

    set_up(&f);
    add(&f, "01", "a.example", DAY, 90);
    CU_ASSERT_EQUAL(store_certificate_revoked(f.store, 1, f.now, 1, NULL), 0);
    CU_ASSERT_STRING_EQUAL(round_of(&f), "");
    tear_down(&f);
}

/* More than a piece has room for; and what was said of orders long ago goes. */
static void test_many(void)
{
    char name[32], serial[16];
    struct fixture f;

    set_up(&f);
    CU_ASSERT_EQUAL(store_batch_begin(f.store, NULL), 0);
    for (int i = 0; i < 1200; i++) {
        (void)snprintf(name, sizeof name, "host%d.example", i);
        (void)snprintf(serial, sizeof serial, "%d", i);
        add(&f, serial, name, i % 12 == 0 ? DAY + i : 60 * DAY, 90);
        (void)store_event_add(f.store, 1, (f.now - (i < 700 ? 91 : 1) * DAY) * 1000000, "x");
    }
    CU_ASSERT_EQUAL(store_batch_end(f.store, NULL), 0);
    (void)round_of(&f);
    CU_ASSERT_EQUAL(f.told, 100);
    CU_ASSERT_EQUAL(store_events_prune(f.store, INT64_MAX, 1000, NULL), 500);
    (void)round_of(&f);
    CU_ASSERT_EQUAL(f.told, 0);
    tear_down(&f);
}

/* What could not be remembered is told later, once; a limit on file sizes stands for the disk. */
static void test_full(void)
{
    struct rlimit before, small;
    struct fixture f;

    set_up(&f);
    add(&f, "01", "a.example", DAY, 90);
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    CU_ASSERT_STRING_EQUAL(round_of(&f), "");
    CU_ASSERT_STRING_EQUAL(round_of(&f), "");
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    CU_ASSERT_STRING_EQUAL(round_of(&f), " 01");
    CU_ASSERT_STRING_EQUAL(round_of(&f), "");
    tear_down(&f);
}

static void test_lost(void)
{
    const struct err why = {.code = ERR_CORRUPT, .text = "gone"};
    struct fixture f;

    set_up(&f);
    store_close(f.store);
    CU_ASSERT_EQUAL(store_open_lost(&f.store, "x", &why), 0);
    expiry_free(f.expiry);
    const struct expiry_options options = {
        .loop = &f.loop, .clock = &f.clock, .store = f.store, .audit = f.audit, .conf = &f.conf};
    CU_ASSERT_EQUAL_FATAL(expiry_new(&f.expiry, &options), 0);
    CU_ASSERT_FALSE(expiry_step(f.expiry));
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"when", test_stages},           {"what is told of, and when", test_told},
        {"a revoked one", test_revoked}, {"many, and old events", test_many},
        {"a full disk", test_full},      {"no store", test_lost},
    };
    return RUN("expiry", tests);
}

/*
 * A clock that is set back or forward by hours: no wait becomes endless, no limit is lost for good.
 */
#include "issuer/ledger.h"

#include <CUnit/Basic.h>

#include "issuer/ledger_priv.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ledger_fixture.h"

#define STEP  (12 * LEDGER_HOUR)
#define YEARS (INT64_C(20) * 365 * LEDGER_DAY)

/* Uses up all there is, of each kind. */
static void use_up(struct ledger_fixture *f, const struct authority *authority)
{
    char *names[] = {(char *)"www.example.org"};
    struct ledger_order order = ledger_order_of(authority, names, 1);

    order.client = "web";
    order.requests_per_day = 3;
    for (int i = 0; i < 400; i++) {
        ledger_ordered(f->ledger, &order);
        ledger_issued(f->ledger, &order);
    }
    for (int i = 0; i < 40; i++) {
        ledger_failed(f->ledger, authority, "www.example.org", NULL);
    }
    ledger_limited(f->ledger, &order, f->wall + LEDGER_TOLD_MOST, "not this week");
}

static void step(struct ledger_fixture *f, int64_t seconds, bool restart)
{
    f->wall += seconds;
    if (restart) {
        ledger_fixture_restart(f);
    }
}

/* How long the longest of the waits is. */
static int64_t longest(struct ledger_fixture *f, const struct authority *authority)
{
    char *names[] = {(char *)"www.example.org"};
    struct ledger_order order = ledger_order_of(authority, names, 1);

    order.client = "web";
    order.requests_per_day = 3;
    return ledger_wait(f, &order, NULL);
}

static void test_back(void)
{
    for (int i = 0; i < 4; i++) {
        struct ledger_fixture f;
        const struct authority *ca;
        int64_t waits;

        ledger_fixture_set_up(&f);
        ca = i & 1 ? &f.le : &f.other;
        use_up(&f, ca);
        step(&f, -STEP, i & 2);
        waits = longest(&f, ca);
        CU_ASSERT(waits > 0 && waits <= LEDGER_WEEK + 10);
        ledger_fixture_pass(&f, LEDGER_DAY);
        /* what it is now, it goes on from: nothing is held at the hour of the step */
        CU_ASSERT(longest(&f, ca) <= waits - LEDGER_DAY);
        ledger_fixture_pass(&f, LEDGER_WEEK + 10 - LEDGER_DAY);
        CU_ASSERT_EQUAL(longest(&f, ca), 0);
        ledger_fixture_tear_down(&f);
    }
}

static void test_forward(void)
{
    for (int i = 0; i < 4; i++) {
        struct ledger_fixture f;
        const struct authority *ca;

        ledger_fixture_set_up(&f);
        ca = i & 1 ? &f.le : &f.other;
        use_up(&f, ca);
        step(&f, STEP, i & 2);
        CU_ASSERT(longest(&f, ca) <= LEDGER_WEEK + 10 - STEP);
        ledger_fixture_pass(&f, LEDGER_WEEK + 10 - STEP);
        CU_ASSERT_EQUAL(longest(&f, ca), 0);
        ledger_fixture_tear_down(&f);
    }
}

/* Forward by mistake and back: what happened meanwhile counts, as of now. */
static void test_there_and_back(void)
{
    for (int i = 0; i < 4; i++) {
        struct ledger_fixture f;
        const struct authority *ca;
        int64_t waits;

        ledger_fixture_set_up(&f);
        ca = i & 1 ? &f.le : &f.other;
        step(&f, STEP, i & 2);
        use_up(&f, ca);
        step(&f, -STEP, i & 2);
        waits = longest(&f, ca);
        CU_ASSERT(waits > LEDGER_DAY && waits <= LEDGER_WEEK + 10);
        ledger_fixture_pass(&f, waits);
        CU_ASSERT_EQUAL(longest(&f, ca), 0);
        ledger_fixture_tear_down(&f);
    }
}

/* Years: a machine without a battery that has lost its clock, and found it again. */
static void test_years(void)
{
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    step(&f, YEARS, true);
    use_up(&f, &f.le);
    step(&f, -YEARS, true);
    CU_ASSERT(longest(&f, &f.le) > 0);
    CU_ASSERT(longest(&f, &f.le) <= LEDGER_WEEK + 10);
    ledger_fixture_pass(&f, LEDGER_WEEK + 10);
    CU_ASSERT_EQUAL(longest(&f, &f.le), 0);
    ledger_fixture_tear_down(&f);
}

static void count_row(void *arg, const struct store_ledger_key *key,
                      const struct store_ledger_row *row)
{
    (void)key;
    (void)row;
    ++*(int *)arg;
}

static int future_rows(struct ledger_fixture *f)
{
    int count = 0;

    for (int kind = STORE_LEDGER_ORDERS; kind < STORE_LEDGER_KINDS; kind++) {
        CU_ASSERT_EQUAL(store_ledger_each(f->store, (enum store_ledger_kind)kind, f->wall + 1,
                                          LIMIT_ROWS, count_row, &count, NULL),
                        0);
    }
    return count;
}

/* More rows than are put right at once. */
static void test_many_rows(void)
{
    struct ledger_fixture f;
    char name[64];

    ledger_fixture_set_up(&f);
    for (int i = 0; i < 700; i++) {
        (void)snprintf(name, sizeof name, "h%d.example.org", i);
        ledger_failed(f.ledger, &f.other, name, NULL);
    }
    CU_ASSERT_EQUAL(future_rows(&f), 0);
    f.wall -= STEP;
    CU_ASSERT_EQUAL(future_rows(&f), 1400);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "h5.example.org"), 0);
    CU_ASSERT_EQUAL(future_rows(&f), 0);
    ledger_fixture_tear_down(&f);
}

/* What is over is deleted, some hundred at once, and what is not stays. */
static void test_prune(void)
{
    struct ledger_fixture f;
    char name[64];
    int count = 0;

    ledger_fixture_set_up(&f);
    for (int i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof name, "h%d.example.org", i);
        ledger_issue(&f, &f.other, name);
    }
    ledger_fixture_pass(&f, LEDGER_SAME_S);
    ledger_issue(&f, &f.other, "new.example.org");
    ledger_fixture_pass(&f, 1);
    ledger_fixture_restart(&f);
    CU_ASSERT_EQUAL(
        store_ledger_each(f.store, STORE_LEDGER_EXACT, 0, LIMIT_ROWS, count_row, &count, NULL), 0);
    CU_ASSERT_EQUAL(count, 1);
    for (int i = 0; i < 300; i++) {
        (void)ledger_wait_name(&f, &f.other, "www.example.org");
    }
    count = 0;
    CU_ASSERT_EQUAL(
        store_ledger_each(f.store, STORE_LEDGER_DOMAIN, 0, LIMIT_ROWS, count_row, &count, NULL), 0);
    CU_ASSERT_EQUAL(count, 1);
    ledger_fixture_tear_down(&f);
}

/* A row of random octets, as a damaged store may have: nothing is endless, nothing breaks. */
static void test_nonsense(void)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, LEDGER_T0, INT64_MAX};
    struct ledger_fixture f;
    struct store_ledger_row row = {.count = INT64_MAX, .use_count = LIMIT_LEDGER_USES};

    ledger_fixture_set_up(&f);
    for (size_t i = 0; i < 36; i++) {
        const struct authority *ca = i & 1 ? &f.le : &f.other;
        const struct store_ledger_key keys[] = {
            {STORE_LEDGER_EXACT, ca->directory, "www.example.org"},
            {STORE_LEDGER_DELAY, "", "www.example.org"},
            {STORE_LEDGER_TOLD_ACCOUNT, ca->directory, ""},
        };

        row.at = times[i % 6];
        row.until = times[i / 6];
        for (size_t j = 0; j < LIMIT_LEDGER_USES; j++) {
            row.uses[j] = (struct store_ledger_use){times[(i + j) % 6], UINT32_MAX};
        }
        for (size_t j = 0; j < 3; j++) {
            CU_ASSERT_EQUAL(store_ledger_put(f.store, &keys[j], &row), 0);
        }
        ledger_fixture_restart(&f);
        CU_ASSERT(longest(&f, ca) <= LEDGER_WEEK + 10);
        use_up(&f, ca);
        CU_ASSERT(longest(&f, ca) <= LEDGER_WEEK + 10);
    }
    ledger_fixture_tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"12 h back", test_back},
        {"12 h forward", test_forward},
        {"there and back", test_there_and_back},
        {"20 years", test_years},
        {"many rows", test_many_rows},
        {"prune", test_prune},
        {"nonsense", test_nonsense},
    };

    return RUN("ledger clock", tests);
}

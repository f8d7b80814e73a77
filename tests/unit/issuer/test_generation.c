/*
 * SOA serials grow with each publication, by RFC 1982, whatever happens to clock and store.
 */
#include "issuer/generation.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdbool.h>

#include "common/limits.h"
#include "tests/unit/common/run.h"

#define NOW 1795000000 /* Unix time, 2026 */

/* What of the store outlives a process. */
struct fixture {
    uint64_t promised;
    unsigned promises;
    int result;
};

static int promise(void *arg, uint64_t limit)
{
    struct fixture *f = arg;

    f->promises++;
    if (f->result == 0) {
        CU_ASSERT(limit > f->promised);
        f->promised = limit;
    }
    return f->result;
}

/* RFC 1982 3.2: whether b is larger than a. */
static bool grows(uint64_t a, uint64_t b)
{
    uint32_t ahead = generation_serial(b) - generation_serial(a);

    return b > a && ahead != 0 && ahead < UINT32_C(1) << 31;
}

/* The next number after `before`, from a process that starts now. */
static uint64_t restart(struct fixture *f, int64_t now, uint64_t before)
{
    struct generation generation;

    generation_init(&generation, f->promised, now, promise, f);
    uint64_t number = generation_take(&generation);
    CU_ASSERT(before == 0 || grows(before, number));
    return number;
}

static void test_each(void)
{
    struct fixture f = {.promised = 1};
    struct generation generation;
    uint64_t before = 0;

    generation_init(&generation, f.promised, NOW, promise, &f);
    for (int i = 0; i < 5000; i++) {
        uint64_t number = generation_take(&generation);

        CU_ASSERT(before == 0 ? number == NOW : grows(before, number));
        CU_ASSERT(number < f.promised); /* a kill at this instant cannot give it again */
        before = number;
    }
    CU_ASSERT(f.promises <= 5000 / (LIMIT_GENERATIONS / 2) + 1);
}

static void test_restarts(void)
{
    struct fixture f = {.promised = 1};
    uint64_t number = restart(&f, NOW, 0);

    for (int i = 0; i < 100; i++) {
        number = restart(&f, NOW + i, number);
    }
}

static void test_clock_set_back(void)
{
    static const int64_t clocks[] = {NOW, NOW - 86400, NOW - 1000000000, 0, -1, INT64_MIN, NOW};
    struct fixture f = {.promised = 1};
    uint64_t number = 0;

    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        number = restart(&f, clocks[i], number);
    }
}

/* A clock far ahead may not move the serial by half the circle: that would be a step back. */
static void test_clock_ahead(void)
{
    static const int64_t clocks[] = {NOW + (INT64_C(1) << 30),
                                     NOW + (INT64_C(3) << 30),
                                     NOW + (INT64_C(1) << 31) + (INT64_C(1) << 30),
                                     NOW + (INT64_C(1) << 40),
                                     INT64_MAX,
                                     NOW};
    struct fixture f = {.promised = 1};
    uint64_t number = restart(&f, NOW, 0);

    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        number = restart(&f, clocks[i], number);
    }
}

static void test_store_lost(void)
{
    struct fixture f = {.promised = 1};
    struct generation generation;
    uint64_t number = 0;

    generation_init(&generation, f.promised, NOW, promise, &f);
    for (int i = 0; i < 5000; i++) {
        number = generation_take(&generation);
    }
    f.promised = 1;
    (void)restart(&f, NOW + 5001, number);
    f.promised = 0;
    (void)restart(&f, NOW + 5001, number);
}

static void test_store_of_a_backup(void)
{
    struct fixture f = {.promised = 1}, backup;
    uint64_t number = restart(&f, NOW, 0);

    backup = f;
    number = restart(&f, NOW + 3600, number);
    (void)restart(&backup, NOW + 7200, number);
}

/* Nothing can be promised: serving goes on, and the clock keeps the next start ahead. */
static void test_full_disk(void)
{
    struct fixture f = {.promised = 1, .result = -ENOSPC};
    struct generation generation;
    uint64_t number = 0;

    generation_init(&generation, f.promised, NOW, promise, &f);
    for (int i = 0; i < 3000; i++) {
        uint64_t next = generation_take(&generation);

        CU_ASSERT(number == 0 || grows(number, next));
        number = next;
    }
    (void)restart(&f, NOW + 3600, number);
}

/* RFC 1982 3.1: behind 2^32 - 1 comes 0, which is left out. */
static void test_wrap(void)
{
    struct fixture f = {.promised = (UINT64_C(1) << 32) - 3};
    struct generation generation;
    uint64_t before = 0;

    generation_init(&generation, f.promised, NOW, promise, &f);
    for (int i = 0; i < 6; i++) {
        uint64_t number = generation_take(&generation);

        CU_ASSERT(before == 0 || grows(before, number));
        CU_ASSERT_NOT_EQUAL(generation_serial(number), 0);
        before = number;
    }
    CU_ASSERT_EQUAL(generation_serial(before), 3);
    (void)restart(&f, NOW, before); /* Unix time is behind the circle now */
}

int main(void)
{
    static const struct run_case tests[] = {
        {"RFC 1982: each publication has a larger serial", test_each},
        {"RFC 1982: also over a restart", test_restarts},
        {"RFC 1982: also with the clock set back", test_clock_set_back},
        {"RFC 1982: also with the clock far ahead", test_clock_ahead},
        {"RFC 1982: also when the store is lost", test_store_lost},
        {"RFC 1982: also when the store comes from a backup", test_store_of_a_backup},
        {"RFC 1982: also with a full disk", test_full_disk},
        {"RFC 1982: also over 2^32; 0 is left out", test_wrap},
    };
    return RUN("generation", tests);
}

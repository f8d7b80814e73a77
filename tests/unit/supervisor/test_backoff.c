#include "suite.h"
#include "supervisor/backoff.h"

static void test_first_at_once(void)
{
    struct backoff b = {0};

    CU_ASSERT_EQUAL(backoff_died(&b, 3), 0);
    CU_ASSERT_EQUAL(backoff_died(&b, 3), 50);
    CU_ASSERT_EQUAL(backoff_died(&b, 3), 100);
    CU_ASSERT_EQUAL(backoff_died(&b, 3), 200);
}

static void test_bounded(void)
{
    struct backoff b = {0};
    uint64_t last = 0, sum = 0;

    for (int i = 0; i < 100; i++) {
        uint64_t delay = backoff_died(&b, 0);
        CU_ASSERT(delay >= last || delay == 10000);
        last = delay;
        sum += delay;
    }
    CU_ASSERT_EQUAL(last, 10000);
    CU_ASSERT(sum > 900000);
    b.quick = UINT32_MAX;
    CU_ASSERT_EQUAL(backoff_died(&b, 0), 10000);
    CU_ASSERT_EQUAL(b.quick, UINT32_MAX);
}

/* Killed each second for a minute: never a wait. */
static void test_killed_each_second(void)
{
    struct backoff b = {0};

    for (int i = 0; i < 60; i++) {
        CU_ASSERT_EQUAL(backoff_died(&b, 990), 0);
    }
}

static void test_forgiven(void)
{
    struct backoff b = {0};

    for (int i = 0; i < 20; i++) {
        backoff_died(&b, 0);
    }
    CU_ASSERT_EQUAL(backoff_died(&b, 30000), 0);
    CU_ASSERT_EQUAL(backoff_died(&b, 0), 0);
    CU_ASSERT_EQUAL(backoff_died(&b, 0), 50);
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"the first restart is at once", test_first_at_once},
        {"the delay grows and is bounded", test_bounded},
        {"a child killed each second is back each time", test_killed_each_second},
        {"a long life forgives", test_forgiven},
    };
    return suite_run("backoff", cases, SUITE_COUNT(cases));
}

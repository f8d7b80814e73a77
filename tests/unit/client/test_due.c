/* When a certificate is to be renewed: configured days, the CA's window (RFC 9773), a third. */
#include "client/due.h"

#include <CUnit/Basic.h>
#include <string.h>

#define DAY 86400L

static struct due_wish ninety_days(void)
{
    return (struct due_wish){.not_before = 1000, .not_after = 1000 + 90 * DAY};
}

static void test_third(void)
{
    struct due_wish wish = ninety_days();
    struct state_due due = due_when(&wish);
    CU_ASSERT_EQUAL(due.by, DUE_BY_THIRD);
    CU_ASSERT_EQUAL(due.at, 1000 + 60 * DAY);
    wish.not_after = wish.not_before + 6 * DAY + 16 * 3600L; /* Let's Encrypt's shortlived: 160 h */
    CU_ASSERT_EQUAL(due_when(&wish).at, wish.not_after - 160 * 3600L / 3);
    wish.not_after = wish.not_before + 100;
    CU_ASSERT_EQUAL(due_when(&wish).at, wish.not_after - 33);
}

static void test_days_win(void)
{
    struct due_wish wish = ninety_days();
    wish.threshold_days = 30;
    wish.window = true;
    wish.start = 2000;
    wish.end = 3000;
    struct state_due due = due_when(&wish);
    CU_ASSERT_EQUAL(due.by, DUE_BY_DAYS);
    CU_ASSERT_EQUAL(due.at, wish.not_after - 30 * DAY);
    wish.threshold_days = 3650; /* before the certificate's beginning: at once */
    CU_ASSERT_TRUE(due_when(&wish).at < wish.not_before);
}

/* RFC 9773 4.2: uniform over the window, end excluded. */
static void test_window(void)
{
    struct due_wish wish = ninety_days();
    int64_t least = INT64_MAX, most = 0;
    wish.window = true;
    wish.start = 1000 + 50 * DAY;
    wish.end = 1000 + 52 * DAY;
    for (int i = 0; i < 256; i++) {
        memset(wish.digest, 0, sizeof(wish.digest));
        wish.digest[1] = (uint8_t)(i * 167);
        wish.digest[6] = (uint8_t)i;
        wish.digest[7] = (uint8_t)(i * 31);
        wish.digest[5] = (uint8_t)(i * 89);
        struct state_due due = due_when(&wish), again = due_when(&wish);
        CU_ASSERT_EQUAL(due.by, DUE_BY_CA);
        CU_ASSERT_EQUAL(due.at, again.at);
        CU_ASSERT_TRUE(due.at >= wish.start && due.at < wish.end);
        least = due.at < least ? due.at : least;
        most = due.at > most ? due.at : most;
    }
    CU_ASSERT_TRUE(least < wish.start + DAY / 10);
    CU_ASSERT_TRUE(most > wish.end - DAY / 10);
    wish.end = wish.start + 1;
    CU_ASSERT_EQUAL(due_when(&wish).at, wish.start);
}

static void test_odd_windows(void)
{
    struct due_wish wish = ninety_days();
    wish.window = true;
    wish.start = wish.end = 2000;
    CU_ASSERT_EQUAL(due_when(&wish).by, DUE_BY_THIRD);
    wish.start = wish.not_after; /* would let it expire */
    wish.end = wish.not_after + DAY;
    CU_ASSERT_EQUAL(due_when(&wish).by, DUE_BY_THIRD);
    wish.start = wish.not_after - 10;
    memset(wish.digest, 0xff, sizeof(wish.digest));
    CU_ASSERT_EQUAL(due_when(&wish).by, DUE_BY_CA);
    CU_ASSERT_TRUE(due_when(&wish).at < wish.not_after);
    wish.start = INT64_MIN; /* no overflow; at once */
    wish.end = INT64_MAX;
    CU_ASSERT_TRUE(due_when(&wish).at < wish.not_after);
    wish.start = 10; /* passed long ago: at once (RFC 9773 4.2) */
    wish.end = 20;
    CU_ASSERT_TRUE(due_when(&wish).at < 20);
}

static void test_names(void)
{
    CU_ASSERT_STRING_EQUAL(due_by_name(DUE_BY_CA), "ca");
    CU_ASSERT_STRING_EQUAL(due_by_name(DUE_BY_THIRD), "third");
    CU_ASSERT_STRING_EQUAL(due_by_name(DUE_BY_DAYS), "days");
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("due", NULL, NULL);
    CU_add_test(suite, "third", test_third);
    CU_add_test(suite, "days win", test_days_win);
    CU_add_test(suite, "window", test_window);
    CU_add_test(suite, "odd windows", test_odd_windows);
    CU_add_test(suite, "names", test_names);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

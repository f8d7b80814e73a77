/* Values as people read them. */
#include "ctl/text.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char buf[64];

static void test_duration(void)
{
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), 0.44), "0.4 s");
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), 61), "00:01:01");
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), 86399.9), "23:59:59");
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), 183840), "2 d 03:04");
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), -1), "-");
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), NAN), "-");
    CU_ASSERT_STRING_EQUAL(text_duration(buf, sizeof(buf), 1e300), "-");
}

static void test_time(void)
{
    CU_ASSERT_STRING_EQUAL(text_time(buf, sizeof(buf), "2026-07-01T23:00:00.5Z"),
                           "2026-07-02 01:00:00");
    CU_ASSERT_STRING_EQUAL(text_time_zone(buf, sizeof(buf), "2026-01-01T00:00:00Z"),
                           "2026-01-01 01:00:00 +0100");
    CU_ASSERT_STRING_EQUAL(text_time(buf, sizeof(buf), "soon"), "soon");
    CU_ASSERT_STRING_EQUAL(text_time(buf, sizeof(buf), NULL), "-");
}

static void test_size(void)
{
    CU_ASSERT_STRING_EQUAL(text_size(buf, sizeof(buf), 512), "512 B");
    CU_ASSERT_STRING_EQUAL(text_size(buf, sizeof(buf), 1536), "1.5 KiB");
    CU_ASSERT_STRING_EQUAL(text_size(buf, sizeof(buf), 40u << 20), "40 MiB");
    CU_ASSERT_STRING_EQUAL(text_size(buf, sizeof(buf), UINT64_MAX), "16777216 TiB");
}

static void test_count(void)
{
    CU_ASSERT_STRING_EQUAL(text_count(buf, sizeof(buf), 0), "0");
    CU_ASSERT_STRING_EQUAL(text_count(buf, sizeof(buf), 999), "999");
    CU_ASSERT_STRING_EQUAL(text_count(buf, sizeof(buf), 1000), "1,000");
    CU_ASSERT_STRING_EQUAL(text_count(buf, sizeof(buf), -123456), "-123,456");
    CU_ASSERT_STRING_EQUAL(text_count(buf, sizeof(buf), INT64_MIN), "-9,223,372,036,854,775,808");
}

static void test_escape(void)
{
    char *safe = text_escape("a\x1b]0;x\x07\xff\xc2\x9b \xc3\xb8");
    CU_ASSERT_STRING_EQUAL(safe, "a\\x1b]0;x\\x07\\xff\\xc2\\x9b \xc3\xb8");
    free(safe);
    CU_ASSERT_EQUAL(text_width("p\xc3\xb8lse"), 5);
}

int main(void)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("text", NULL, NULL);
    CU_add_test(suite, "duration", test_duration);
    CU_add_test(suite, "time", test_time);
    CU_add_test(suite, "size", test_size);
    CU_add_test(suite, "count", test_count);
    CU_add_test(suite, "escape", test_escape);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

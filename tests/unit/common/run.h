/* The main of a test program: one suite, its exit status. */
#ifndef CERTMILL_TESTS_UNIT_COMMON_RUN_H
#define CERTMILL_TESTS_UNIT_COMMON_RUN_H

#include <CUnit/Basic.h>
#include <stddef.h>

struct run_case {
    const char *name;
    void (*fn)(void);
};

/* set_up and tear_down as CUnit has them: before the first and after the last; or NULL. */
static inline int run_cases(const char *suite_name, const struct run_case *cases, size_t count,
                            int (*set_up)(void), int (*tear_down)(void))
{
    CU_pSuite suite;
    unsigned failures = 1;

    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    if ((suite = CU_add_suite(suite_name, set_up, tear_down)) != NULL) {
        for (size_t i = 0; i < count; i++) {
            CU_add_test(suite, cases[i].name, cases[i].fn);
        }
        CU_basic_run_tests();
        failures = CU_get_number_of_failures();
    }
    CU_cleanup_registry();
    return failures != 0;
}

#define RUN(suite, cases) RUN_WITH(suite, cases, NULL, NULL)
#define RUN_WITH(suite, cases, set_up, tear_down)                                                  \
    run_cases(suite, cases, sizeof(cases) / sizeof((cases)[0]), set_up, tear_down)

#endif

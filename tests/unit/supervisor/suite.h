/*
 * What the supervisor's tests have in common.
 */
#ifndef CERTMILL_TESTS_SUPERVISOR_SUITE_H
#define CERTMILL_TESTS_SUPERVISOR_SUITE_H

#include <CUnit/Basic.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

struct suite_case {
    const char *name;
    void (*run)(void);
};

static inline int suite_run(const char *name, const struct suite_case *cases, size_t count)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        CU_add_test(suite, cases[i].name, cases[i].run);
    }
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

static inline int suite_remove_one(const char *path, const struct stat *st, int flag,
                                   struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void suite_remove(const char *folder)
{
    nftw(folder, suite_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define SUITE_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif

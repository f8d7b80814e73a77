/*
 * What the supervisor's tests have in common.
 */
#ifndef CERTMILL_TESTS_SUPERVISOR_SUITE_H
#define CERTMILL_TESTS_SUPERVISOR_SUITE_H

#include <CUnit/Basic.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/limits.h"

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

/* SO_RCVBUF as the kernel shows it. */
static inline int suite_room(int fd)
{
    int room = -1;
    socklen_t len = sizeof(room);

    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len);
    return room;
}

/* What a UDP socket gets that is widened to LIMIT_UDP_QUEUE by who we are. */
static inline int suite_wide_room(void)
{
    const int wanted = LIMIT_UDP_QUEUE;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int room = 2 * wanted;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) < 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
        room = suite_room(fd);
    }
    close(fd);
    return room;
}

#define SUITE_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif

/* A test's folder, with all that it left there. */
#ifndef CERTMILL_TESTS_UNIT_COMMON_FOLDER_H
#define CERTMILL_TESTS_UNIT_COMMON_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int folder_remove_one(const char *name, const struct stat *st, int type,
                                    struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(name);
}

/* Removes it; links are not followed. 0 or -1, errno. */
static inline int folder_remove(const char *path)
{
    return nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif

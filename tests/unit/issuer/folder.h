/*
 * A folder for one test, and its end.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_FOLDER_H
#define CERTMILL_TESTS_UNIT_ISSUER_FOLDER_H

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    char path[64];
};

static inline void folder_make(struct folder *folder)
{
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(folder->path, sizeof folder->path, "%.32s/certmill-XXXXXX",
                   tmp != NULL && strlen(tmp) <= 32 ? tmp : P_tmpdir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder->path));
}

/* Path of a file in it; good until the next call. */
static inline const char *folder_file(struct folder *folder, const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
    return path;
}

static inline void folder_remove(struct folder *folder)
{
    DIR *dir = opendir(folder->path);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        (void)unlink(folder_file(folder, entry->d_name));
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(folder->path);
}

#endif

/*
 * Copying a file so that the other one is there whole or not at all.
 */
#ifndef CERTMILL_CTL_COPY_H
#define CERTMILL_CTL_COPY_H

#include "common/err.h"

/* Judges the copy before it takes its name. */
typedef int copy_check_fn(void *arg, const char *path, struct err *err);

/* Copies all of fd to path by a file aside (0600, of the folder's owner), syncs it, has check (may
 * be NULL) look at it, and renames it over path. */
int copy_file(int fd, const char *path, copy_check_fn *check, void *arg, struct err *err);

#endif

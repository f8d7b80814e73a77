/*
 * Files read whole within a bound, and written whole or not at all.
 */
#ifndef CERTMILL_COMMON_FILE_H
#define CERTMILL_COMMON_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

/* Reads a regular file of at most max bytes into *data (malloc'd, with a NUL after the
 * *len bytes; the caller frees). dirfd as openat(2); AT_FDCWD for plain paths.
 * ERR_LIMIT where it is larger, -errno otherwise; err names the path. */
int file_read(int dirfd, const char *path, size_t max, char **data, size_t *len, struct err *err);

/* Reads from a descriptor up to end of file, likewise. name stands for it in err. */
int file_read_fd(int fd, const char *name, size_t max, char **data, size_t *len, struct err *err);

/* Writes all of data, going on where write(2) stopped. -errno. */
int file_write_all(int fd, const void *data, size_t len);

/* Writes aside, fsyncs, renames over path, fsyncs the folder. mode as chmod(2),
 * not subject to the umask. On error path is as it was and nothing is left aside. */
int file_write_atomic(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                      struct err *err);

/* mkdir -p with mode for what is made. */
int file_make_folder(const char *path, mode_t mode, struct err *err);

#endif

/*
 * Single files of an installation: written, read back, linked. Private to client/install,
 * client/copies and client/ocsp.
 */
#ifndef CERTMILL_CLIENT_INSTALL_FILE_H
#define CERTMILL_CLIENT_INSTALL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/files.h"
#include "common/err.h"

/* Who a new file belongs to: what owner says, else like the one that it takes the place of, name
 * in dir (links are followed), else us: the ids of *out are (uid_t)-1 and (gid_t)-1 then. */
struct install_access {
    uid_t uid;
    gid_t gid;
    mode_t mode;
    bool wanted; /* the configuration says so: that it cannot be had is an error */
};
struct install_access install_access(const struct file_owner *owner, int dir, const char *name);

/* Writes a new file, owned as access says, and syncs it; reads it back from the disk and
 * compares. On error nothing is left. 0, -errno (-EPERM: it cannot be given to its owner), or
 * ERR_CORRUPT where it does not read as it was written. */
int install_write(int dir, const char *name, const void *data, size_t len,
                  const struct install_access *access);

/* Brings an open file to its owner and mode. 0 or -errno. */
int install_give(int fd, const struct install_access *access);

/* Makes the regular file (no link) `from` also known as `to`, or else, where links are not to be
 * had, copies it with owner and mode. 0 or -errno; -ENOENT: there is no `from`. */
int install_link(int from_dir, const char *from, int to_dir, const char *to);

/* Renames, where nothing has the new name yet. 0 or -errno; -EEXIST: something has. */
int install_rename_new(int from_dir, const char *from, int to_dir, const char *to);

/* err_set for a failure at path/name, with what to do about it. Returns code. */
int install_fail(const struct files *files, const char *name, int code, struct err *err);

#endif

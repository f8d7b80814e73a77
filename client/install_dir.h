/*
 * The folder that client/install keeps versions in. Private to it.
 */
#ifndef CERTMILL_CLIENT_INSTALL_DIR_H
#define CERTMILL_CLIENT_INSTALL_DIR_H

#include <stddef.h>
#include <sys/stat.h>

#include "client/files.h"
#include "common/err.h"

#define INSTALL_FOLDER ".certmill"

/* Opens .certmill/NAME.TYPE, locked; makes it with owner and mode of the folder that it serves.
 * Returns the descriptor or -errno. */
int install_folder_open(const struct files *files, struct err *err);

/* Makes the next version folder. Returns its descriptor, and its number in *n. */
int install_version_new(const struct files *files, int dir, unsigned long *n, struct err *err);
void install_version_remove(int dir, unsigned long n);

/* The version that `current` points to, 0 for none. */
unsigned long install_version_current(int dir);

/* Removes all versions but the current one and the one before it. */
void install_versions_clean(int dir, unsigned long before);

/* Writes a new file with FILE_MODE, owned as owner says (where that is permitted; NULL: by us), and
 * syncs it. On error nothing is left. 0 or -errno. */
int install_write(int dir, const char *name, const void *data, size_t len,
                  const struct stat *owner);

/* Copies a file with owner and mode. 0 or -errno. */
int install_copy(int from_dir, const char *from, int to_dir, const char *to);

#endif

/*
 * The folder that client/install keeps versions in. Private to it, but for opening the folder.
 */
#ifndef CERTMILL_CLIENT_INSTALL_DIR_H
#define CERTMILL_CLIENT_INSTALL_DIR_H

#include <stddef.h>
#include <sys/stat.h>

#include "client/files.h"
#include "common/err.h"

#define INSTALL_FOLDER ".certmill"
#define INSTALL_UNTOLD "untold" /* the mark in a version folder: client/install.h */

/* Opens .certmill/NAME.TYPE, locked; makes it with owner and mode of the folder that it serves, and
 * open to the group that the files are for. Returns the descriptor or -errno. */
int install_folder_open(const struct files *files, struct err *err);

/* Opens it as it is, without the lock, to read. -errno. */
int install_folder_look(const struct files *files);

/* Makes the next version folder. Returns its descriptor, and its number in *n. */
int install_version_new(const struct files *files, int dir, unsigned long *n, struct err *err);
void install_version_remove(int dir, unsigned long n);
/* -errno; -ENOENT: there is none such. */
int install_version_open(int dir, unsigned long n);

/* Marks a version as one that services have to be told of. -errno. */
int install_mark(int version);

/* The links that name a version: the one in use, and the previous one where that is to be seen. */
#define INSTALL_CURRENT "current"
#define INSTALL_OLD     "old"

/* The version that one of them names, 0 for none. */
unsigned long install_version_of(int dir, const char *link);
/* Makes `LINK.new`, and renames that over the link. n 0: removes the link. -errno. */
int install_version_name(int dir, const char *link, unsigned long n);
int install_version_rename(int dir, const char *link);

/* The versions before the current one, the newest first. Returns how many. */
#define INSTALL_VERSIONS_MAX 256 /* looked at in a run; keep-old ends at 100 */
size_t install_versions_old(int dir, unsigned long versions[static INSTALL_VERSIONS_MAX]);

/* Removes what a run that was killed left behind: versions newer than the current one. */
void install_versions_unfinished(int dir);
/* Removes all versions but the current one and so many before it; one is always kept, for who is
 * just reading it. */
void install_versions_clean(int dir, unsigned keep);

#endif

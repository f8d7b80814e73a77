/*
 * Within client/scan*.c.
 */
#ifndef CERTMILL_CLIENT_SCAN_PRIV_H
#define CERTMILL_CLIENT_SCAN_PRIV_H

#include "client/scan.h"

/* By what public keys are told apart. ERR_CRYPTO. */
int scan_public(uint8_t dst[static SCAN_DIGEST], EVP_PKEY *key);

/* Pairs of the files that were read. -ENOMEM. */
int scan_make_pairs(struct scan *scan, int64_t now, struct err *err);

/* -- what each system has its own calls for: scan_linux.c -- */

/* Finds a file without opening it, for fstat(2) and the calls below: opening some devices does
 * things. Returns a descriptor, close-on-exec. beneath: links are followed as long as they stay
 * within the folder; -EXDEV where one leaves it, -ENOSYS where the kernel cannot tell. -errno. */
int scan_find(int folder, const char *path, bool beneath);
/* Opens what was found, to be read, without waiting. -errno. */
int scan_open_found(int found);
/* The absolute path, links resolved, of what was found; cut off where it is too long. -errno. */
int scan_path(char dst[static LIMIT_PATH], int found);

/* Opens a folder, within another one and without following any link. -errno. */
int scan_open_folder(int folder, const char *path);

/* Who else may access an open file, in the system's own form. Returns the number of octets, 0 for
 * nobody, and where the file system knows of no such lists. -errno. */
#define SCAN_ACL_MAX 1024 /* 127 entries of 8 octets */
int scan_read_acl(char acl[static SCAN_ACL_MAX], int fd);
int scan_write_acl(int fd, const char *acl, size_t len);

#endif

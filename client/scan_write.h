/*
 * Puts a new chain into the files of a pair that client/scan found.
 */
#ifndef CERTMILL_CLIENT_SCAN_WRITE_H
#define CERTMILL_CLIENT_SCAN_WRITE_H

#include <stdbool.h>

#include "client/install.h"
#include "client/scan.h"

struct scan_write {
    const struct scan *scan;
    size_t pair;
    const struct chain *chain; /* proved */
    unsigned keep_old;         /* 0: the files as they were are not kept as FILE.old */
    const struct install_hook *hook;
    /* Told of a file that stays as it is though it may not fit any more; or NULL. */
    void (*warn)(void *arg, const char *message);
    void *arg;
};

/* All files are written aside and synced before the first is replaced. Then each is replaced by a
 * rename: those that have leaf and issuers, then those of issuers, then those of the leaf alone.
 * The key stays the same, so that a crash in between leaves files each of which is whole and fits
 * the key, and only those of issuers and of leaf may belong to two chains; the next run sees that
 * and mends it. Owner, mode and access list (acl(5)) stay; where they cannot be had nothing is
 * replaced. ERR_BUSY: a file, or the key's, has been changed since it was read; -errno; err names
 * it. What failed before the first rename has changed nothing, and err says so where it had not.
 * *in_place: all files are new. That they may be on error, too, as with install_commit. */
int scan_write(const struct scan_write *write, bool *in_place, struct err *err);

#endif

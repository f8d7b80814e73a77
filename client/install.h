/*
 * Puts a certificate's files in place so that a crash leaves the old set or the new one,
 * never a mixture. How: see the design note in install.c.
 */
#ifndef CERTMILL_CLIENT_INSTALL_H
#define CERTMILL_CLIENT_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "client/files.h"
#include "common/err.h"

/* Called before each change of the file system with what is about to be done; a negative
 * value stops there as an error of the file system would. For tests, which may
 * also end the process in it. */
struct install_hook {
    int (*step)(void *arg, const char *what);
    void *arg;
};

/* What the files shall hold. FILE_KEYPAIR: data NULL keeps the key as it is; else this is a new
 * one, which takes its place together with the others, at the same moment. */
struct install_contents {
    struct {
        const char *data;
        size_t len;
    } files[FILE_KINDS];
    /* Previous sets that are kept; the newest one is seen as NAME-....old (where that is a name
     * that a file system takes: of a NAME of FILES_NAME_MAX octets the longest is not). 0: none is
     * seen, and the last one stays out of sight until the next time. */
    unsigned keep_old;
};

/* Makes the folders and takes over files of other programs' making, so that what stands in the
 * way shows before a certificate is asked for. Nothing that a reader sees changes.
 * ERR_EXISTS where a file's place is taken by what is no file; -errno; err names the path. */
int install_prepare(const struct files *files, const struct install_hook *hook, struct err *err);

/* Puts a new key file in place, for good; after install_prepare. ERR_EXISTS where there is one by
 * now, which then counts. */
int install_key(const struct files *files, const char *pem, size_t len,
                const struct install_hook *hook, struct err *err);

/* Replaces all files at once, the key with them where contents has one; after install_prepare. Each
 * is read back and compared first. All belong to files->owner, as do the key and, as far as the
 * group goes, the folders. *in_place: readers find the new set. That it may be on error, too: the
 * folder could not be synced then, which err says, and services want to be told all the same. Else
 * the old set is in place. */
int install_commit(const struct files *files, const struct install_contents *contents,
                   const struct install_hook *hook, bool *in_place, struct err *err);

/* Whether services have still to be told of the set in place: a mark comes with it, at the same
 * moment, and install_told takes it away once hooks have run. */
bool install_untold(const struct files *files);
void install_told(const struct files *files);

/* Runs that put files in place share the folder (flock(2)) until they have told services of them.
 * Returns whether no other run does so; then this one is alone until install_share. A mark found
 * meanwhile is of a run that was ended. folder: as files->folder. */
bool install_alone(int folder);
void install_share(int folder);
void install_leave(int folder);

#endif

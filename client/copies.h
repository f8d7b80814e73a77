/*
 * Copies of a certificate in other forms and places, as rows of the configuration ask for them.
 * Each is written aside and renamed, so that a reader finds it whole; they follow the files of
 * client/install one after the other.
 */
#ifndef CERTMILL_CLIENT_COPIES_H
#define CERTMILL_CLIENT_COPIES_H

#include <stdbool.h>

#include "client/chain.h"
#include "client/command.h"
#include "client/files.h"
#include "client/key.h"
#include "client/settings.h"
#include "common/err.h"

/* Proves, without touching the disk, that no two copies, of all sets and types of key, have one
 * path, that none has that of one of our files, and that owners and groups are known.
 * ERR_EXISTS, ERR_NOT_FOUND, ERR_LIMIT; errors of the configuration. */
int copies_check(const struct client *client, struct err *err);

/* Proves of one certificate's copies, before it is ordered, that their folders are there and may be
 * written to, their places are not taken by what is no file, and passwords can be read.
 * ERR_EXISTS, ERR_PERMISSION, ERR_MALFORMED, -errno. */
int copies_prepare(const struct settings *settings, const struct files *files, struct err *err);

/* Writes those of the copies that are missing or differ in contents, owner or mode. Returns how
 * many these were; services want to be told then. Or, those before the failure being written,
 * what copies_prepare and install_write return. Safe in several threads for several certificates.
 */
int copies_write(const struct settings *settings, const struct files *files, const struct key *key,
                 const struct chain *chain, struct err *err);

/* For files that need no renewal: the key is read from them. Whether one of the copies is missing
 * or differs (or cannot be looked at: copies_follow says why), changing nothing. */
bool copies_due(const struct settings *settings, const struct files *files,
                const struct chain *chain);
/* As copies_write. */
int copies_follow(const struct settings *settings, const struct files *files,
                  const struct chain *chain, struct err *err);

#endif

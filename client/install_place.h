/*
 * The public names of an installation: what stands there, and the links that are put there. Private
 * to client/install.
 */
#ifndef CERTMILL_CLIENT_INSTALL_PLACE_H
#define CERTMILL_CLIENT_INSTALL_PLACE_H

#include "client/files.h"
#include "client/install.h"
#include "common/err.h"

enum install_place { INSTALL_EMPTY, INSTALL_LINK, INSTALL_FILE };

/* What a file is called in a version folder: "chain.crt". */
void install_inner_name(char dst[static 32], enum file_kind kind);

/* What stands at a public name: nothing, our link, or a regular file. Another's link to a key
 * counts as a file; all else is ERR_EXISTS. */
int install_look(const struct files *files, enum file_kind kind, enum install_place *place,
                 struct err *err);

/* Whether the key's link leads nowhere, or there is nothing at its name. */
int install_key_missing(const struct files *files);

/* Asks the hook, if any. */
int install_step(const struct install_hook *hook, const char *what, struct err *err);

/* Replaces (or makes) a public name by its link. dir: the set's folder. */
int install_put_link(const struct files *files, int dir, enum file_kind kind,
                     const struct install_hook *hook, struct err *err);

/* Makes `NAME-....old` for each file of the folder that old names, and removes our other ones. What
 * is there and not ours stays; a name too long for it has none. */
int install_put_old(const struct files *files, int dir, const struct install_hook *hook,
                    struct err *err);

#endif

/*
 * Programs that are run once certificates have changed, to make services take the new ones.
 */
#ifndef CERTMILL_CLIENT_HOOKS_H
#define CERTMILL_CLIENT_HOOKS_H

#include <stddef.h>

#include "client/files.h"
#include "client/report.h"
#include "client/sets.h"
#include "client/settings.h"
#include "common/err.h"

/* A certificate whose files are new. */
struct hooks_change {
    const struct set *set;
    enum key_type type;
    const char *path; /* for CERTMILL_PATHS; NULL: the chain file in settings.path */
};

/* Runs each of settings' post-renew-hooks, then what is in post-renew-hooks-dir in the order of
 * the octets of its names, one after the other, each for hook-timeout seconds at most; nothing
 * where count is 0. For once all files are in place. They find in their environment
 *
 *   CERTMILL_NAMES     first names of the sets that changed, divided by blanks
 *   CERTMILL_DOMAINS   all names of these sets: `,` between names, `;` between sets
 *   CERTMILL_PATHS     the new chain files, one a line; the others stand beside them
 *
 * (one that has more octets than an environment takes is left out, with a warning), /dev/null as
 * standard input, and what they print is logged. One that fails does not keep the next from
 * running. Returns 0 or the first failure's code, and err says which hook and how. */
int hooks_run(const struct settings *settings, struct report *report,
              const struct hooks_change *changes, size_t count, struct err *err);

#endif

/*
 * One certificate: CSR, the server's command, the chain proved, the files.
 * Whatever fails, what was in place stays in place.
 */
#ifndef CERTMILL_CLIENT_OBTAIN_H
#define CERTMILL_CLIENT_OBTAIN_H

#include <stdbool.h>

#include "client/command.h"
#include "client/key.h"

struct obtain_wish {
    /* NULL: the key on disk, made where there is none. Else this one, which is put in place
     * together with its certificate, at the same moment (client/install.h). */
    const struct key *key;
    /* A new certificate though the server has a good one: `--force` for it, and without where the
     * server (an original one) does not take that. */
    bool force;
};

/* Safe to be called by several threads for several sets. The caller holds the set's lock. On
 * success the files are in place (copies included) and *not_after is set; hooks are the
 * caller's. Errors: those of server_run, chain_check and install_commit; err says what to do. */
int obtain(struct client *client, struct report_line *report, const struct set *set,
           const struct files *files, const struct obtain_wish *wish, int64_t *not_after,
           struct err *err);

#endif

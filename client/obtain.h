/*
 * One certificate: CSR, the server's command, the chain proved, the files.
 * Whatever fails, what was in place stays in place.
 */
#ifndef CERTMILL_CLIENT_OBTAIN_H
#define CERTMILL_CLIENT_OBTAIN_H

#include <openssl/types.h>
#include <stdbool.h>

#include "client/chain.h"
#include "client/command.h"
#include "client/key.h"

struct obtain_wish {
    /* NULL: the key on disk, made where there is none. Else this one, which is put in place
     * together with its certificate, at the same moment (client/install.h). */
    const struct key *key;
    /* A new certificate though the server has a good one: `--force` for it, and without where the
     * server (an original one) does not take that. */
    bool force;
    /* A certificate that is not wanted any more, or NULL: where the server gives that very one
     * again, it is asked with force. */
    const X509 *unlike;
};

/* Safe to be called by several threads for several sets. The caller holds the set's lock. On
 * success the files are in place (copies included), *not_after is set, and where
 * cert-renew-threshold-days is not the server has been asked when the CA wants to be asked again
 * (client/renewal.h); hooks are the caller's. Where the files are in place, but the copies failed
 * or the folder could not be synced, *not_after is set too, else 0: services want to be told.
 * Errors: those of server_run, chain_check, install_commit and copies_write; err says what to do.
 */
int obtain(struct client *client, struct report_line *report, const struct set *set,
           const struct files *files, const struct obtain_wish *wish, int64_t *not_after,
           struct err *err);

/* The same without files: a chain for this key and these names, proved by chain_check, into *out.
 * chain_clear frees. wish.key is not looked at. */
int obtain_chain(struct client *client, struct report_line *report, const struct set *set,
                 const struct key *key, const struct obtain_wish *wish, struct chain *out,
                 struct err *err);

#endif

/*
 * The staged key of one set and type: made beside the one in use, watched in DNS, then put in its
 * place or forgotten. All of it under the set's lock (client/setlock.h).
 *
 *   .certmill/NAME.TYPE/staged.key    the key, mode 0600; here as long as it is staged
 *   .certmill/NAME.TYPE/rollover      what DNS has of it (client/rollover.h)
 *
 * Killed at any moment, the next run finds a staged key as it was, or one that is in use already.
 * That is no staged one any more, but its file shows that an activation has not come to its end:
 * copies and hooks come after the key and its certificate are in place, and it is removed last.
 */
#ifndef CERTMILL_CLIENT_STAGED_H
#define CERTMILL_CLIENT_STAGED_H

#include <stdbool.h>

#include "client/command.h"
#include "client/key.h"
#include "client/rollover.h"
#include "client/setlock.h"
#include "client/tlsa_keys.h"
#include "client/tlsa_lookup.h"

struct staged {
    struct client *client;
    const struct set *set;
    struct files files;
    struct setlock lock;
    struct tlsa_keys keys; /* all of the set's, of all types */
    bool there;            /* a key is staged; else key is empty */
    bool in_use;           /* what was staged is in use: an activation is to be ended */
    struct key key;
    struct rollover state;
};

/* Takes the lock and reads what is there. ERR_NOT_FOUND where there is no key in use yet. On error
 * nothing is held; else staged_close. */
int staged_open(struct staged *out, struct client *client, const struct set *set,
                enum key_type type, struct err *err);
void staged_close(struct staged *staged);

/* Path of a staged private key on its way in or out, from the folder of files. */
void staged_aside_path(char dst[static 320], const struct files *files);

/* The two keys; NULL: there is none. */
const struct tlsa_key *staged_current(const struct staged *staged);
const struct tlsa_key *staged_next(const struct staged *staged);

/* Makes the key, where none is staged. One that is in use is no staged one from then on. */
int staged_make(struct staged *staged, struct err *err);

/* Looks the TLSA records of all watched services and names up, and remembers what was seen. What
 * resolvers fail to do is remembered as well. */
int staged_look(struct staged *staged, const struct tlsa_asker *asker, struct err *err);

/* Gets a certificate for the staged key, and puts both in place; the key that was in use is an old
 * one then, the staged one is in use, and staged->keys is as it is now. */
int staged_activate(struct staged *staged, struct report_line *report, int64_t *not_after,
                    struct err *err);

/* Where in_use: writes the copies that an interrupted activation did not come to. */
int staged_resume(struct staged *staged, struct err *err);
/* Where in_use: removes what was the staged key's; once hooks have run. */
int staged_end(struct staged *staged, struct err *err);

/* Forgets the staged key: its public part becomes an old key's, its private part is wiped. */
int staged_abort(struct staged *staged, struct err *err);

#endif

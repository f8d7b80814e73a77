/*
 * All keys of this host that TLSA records can be of: in use, staged, old.
 */
#ifndef CERTMILL_CLIENT_TLSA_KEYS_H
#define CERTMILL_CLIENT_TLSA_KEYS_H

#include "client/chain.h"
#include "client/command.h"
#include "client/keyhistory.h"
#include "client/tlsa.h"

enum tlsa_holder { TLSA_CURRENT, TLSA_STAGED, TLSA_STALE };

struct tlsa_key {
    const struct set *set;
    enum tlsa_holder holder;
    enum key_type type;
    uint8_t *spki;
    size_t spki_len;
    struct chain chain; /* of the one in use, where it has a certificate; else see below */
    int64_t ended;      /* of old ones, as in client/keyhistory.h */
    enum keyhistory_why why;
};

struct tlsa_keys {
    struct tlsa_key *items; /* those in use, then staged, then old ones */
    size_t count;
};

/* Reads the keys of one set, of all types there are; changes nothing. A missing file is no error;
 * what cannot be read is told to the log, and counted in *unreadable. Where a key file may not
 * be read, the certificate's key stands in. Negative: -ENOMEM. tlsa_keys_clear frees. */
int tlsa_keys_read(struct tlsa_keys *out, struct client *client, const struct set *set,
                   unsigned *unreadable);
void tlsa_keys_clear(struct tlsa_keys *keys);

/* Adds the certificates that were in use before and are kept (keep-old), each as an old key with
 * its certificate alone as chain: TLSA records of them are stale as well, whether the key still is
 * in use or not. Records of their issuers are not, since the next certificate may be by one of
 * these again. What cannot be read is passed over. -ENOMEM. */
int tlsa_keys_read_old(struct tlsa_keys *keys, struct client *client, const struct set *set);
/* Whether it is one of these. */
bool tlsa_key_is_old_certificate(const struct tlsa_key *key);

/* The first of that kind; NULL: none. */
const struct tlsa_key *tlsa_keys_find(const struct tlsa_keys *keys, enum tlsa_holder holder,
                                      enum key_type type);

/* Warns that there is no key of this type, unless its file is there and was told to be unreadable.
 */
void tlsa_keys_tell_missing(struct client *client, const struct set *set, enum key_type type);

/* For the functions of client/tlsa.h. */
struct tlsa_of tlsa_key_of(const struct tlsa_key *key);

/* Path of the staged private key, from the folder of files. */
void tlsa_staged_path(char dst[static 320], const struct files *files);

/* "current", "staged", "stale" */
const char *tlsa_holder_name(enum tlsa_holder holder);

#endif

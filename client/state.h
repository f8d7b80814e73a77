/*
 * The state of one certificate on disk: what is there, what is wrong with it, when it is due.
 */
#ifndef CERTMILL_CLIENT_STATE_H
#define CERTMILL_CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/chain.h"
#include "client/due.h"
#include "client/files.h"
#include "client/issuers.h"
#include "client/sets.h"
#include "client/settings.h"
#include "common/err.h"

enum state_problem {
    STATE_NO_CERTIFICATE = 1u << 0,
    STATE_UNREADABLE = 1u << 1, /* no certificate, or none that parses */
    STATE_NO_KEY = 1u << 2,
    STATE_BAD_KEY = 1u << 3,      /* unreadable, encrypted, of another type */
    STATE_KEY_MISMATCH = 1u << 4, /* the certificate is for another key */
    STATE_NAMES = 1u << 5,        /* the set has changed */
    STATE_SELF_SIGNED = 1u << 6,
    STATE_INVALID_CA = 1u << 7, /* settings.invalid_ca_cn_list */
    STATE_EXPIRED = 1u << 8,
    STATE_NOT_YET_VALID = 1u << 9,
    STATE_DUE = 1u << 10, /* to be renewed by now */
    STATE_CHAIN =
        1u << 11, /* the chain file does not begin with the certificate, or does not verify */
    STATE_INCOMPLETE = 1u << 12, /* another of the files is missing or does not fit */
};

/* Those that nothing but people can mend; all others a new certificate does. */
#define STATE_PEOPLE (STATE_BAD_KEY | STATE_NOT_YET_VALID)

struct state {
    unsigned problems;    /* enum state_problem */
    char reason[512];     /* the first of them, for people */
    struct chain chain;   /* leaf and issuers, as far as they are readable; else empty */
    bool known_due;       /* there is a certificate, and so: */
    struct state_due due; /* when it is due */
    mode_t key_mode_was;  /* of the key file, where it was changed; see keyfile_tell_mode */
    bool ask;             /* the CA's word on that is outdated: see renewal_ask */
};

struct state_view {
    const struct settings *settings;
    const struct set *set;
    const struct files *files;
    int64_t now;             /* seconds since 1970 */
    struct issuers *issuers; /* shared by many (client/issuers.h); NULL: none */
};

/* Whether invalid-ca-cn-list has the issuer of leaf, whose common name goes into cn ("": it has
 * none). */
bool state_is_listed(const struct settings *settings, const X509 *leaf, char cn[static 256]);

/* Looks at the files of a set; changes nothing but a key file's mode. Every signature of the chain
 * is verified, the leaf's too: it is what tells a damaged file from a good one, and costs
 * 0.02 ms (RSA) to 0.5 ms (P-384). That the key fits is seen by comparing public keys. Files of
 * another program's making are judged alike; there may be no concat and no request. A set that
 * is replaced meanwhile is looked at again. Problems are told in *out, not as errors;
 * negative: -ENOMEM, -EMFILE, -ENFILE. state_clear frees. */
int state_read(struct state *out, const struct state_view *view, struct err *err);
void state_clear(struct state *state);

/* "no certificate", "due" and the like for a bit of enum state_problem: for JSON. */
const char *state_problem_name(enum state_problem problem);

#endif

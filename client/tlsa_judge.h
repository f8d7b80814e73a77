/*
 * Published TLSA records beside the keys of this host: which key has its records, whose each record
 * is, and what clients make of all of them together (RFC 6698, RFC 7671). No I/O.
 */
#ifndef CERTMILL_CLIENT_TLSA_JUDGE_H
#define CERTMILL_CLIENT_TLSA_JUDGE_H

#include <stdbool.h>

#include "client/dns.h"
#include "client/tlsa.h"
#include "client/tlsa_keys.h"

/* A record that is published. */
struct tlsa_published {
    const struct dns_record *record;
    struct tlsa tlsa;           /* empty where it is too short for one */
    const char *unusable;       /* why clients cannot use it; NULL: they can */
    bool ignored;               /* for a stronger digest beside it (RFC 7671 9) */
    const struct tlsa_key *key; /* whose it is; NULL: nobody's here */
};

/* A record that should be published: of a key, of a type of tlsa-type-list. */
struct tlsa_needed {
    const struct tlsa_key *key;
    const char *type;
    uint8_t *rdata; /* NULL: it cannot be made, there is no certificate for it yet */
    size_t len;
    bool there;
};

struct tlsa_judgement {
    struct tlsa_published *published;
    size_t published_count;
    struct tlsa_needed *needed; /* of keys in use and staged ones */
    size_t needed_count;
    bool more; /* records past LIMIT_TLSA were not looked at */
};

struct tlsa_wish {
    bool wanted[KEY_TYPES];           /* types of keys in use whose records are needed */
    const struct conf_strings *types; /* of tlsa-type-list */
    int64_t port;                     /* of the service: mail servers have rules of their own */
};

/* Staged keys' records are needed always, with the types that are of a key alone. keys and answer
 * must outlive *out. -ENOMEM, ERR_CRYPTO. tlsa_judgement_clear frees. */
int tlsa_judge(struct tlsa_judgement *out, const struct tlsa_keys *keys,
               const struct tlsa_wish *wish, const struct dns_answer *answer, struct err *err);
void tlsa_judgement_clear(struct tlsa_judgement *judgement);

/* Whether all records are there that the key needs; true where it needs none. */
bool tlsa_has_all(const struct tlsa_judgement *judgement, const struct tlsa_key *key);

/* Whether a client that verifies a server with this key accepts it: one usable record that is not
 * ignored matches (RFC 7671 9), or none is usable at all (RFC 7671 4.1, RFC 7672 2.2). */
bool tlsa_accepted(const struct tlsa_judgement *judgement, const struct tlsa_key *key);

/* Whether records of that type are of a key, so that they can be published before there is a
 * certificate for it. */
bool tlsa_type_of_key(const char *type);

#endif

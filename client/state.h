/*
 * The state of one certificate on disk: what is there, what is wrong with it, when it is due.
 */
#ifndef CERTMILL_CLIENT_STATE_H
#define CERTMILL_CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/chain.h"
#include "client/files.h"
#include "client/key.h"
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

/* When a certificate is to be renewed, and who says so. */
struct state_due {
    enum { DUE_BY_CA, DUE_BY_THIRD, DUE_BY_DAYS } by;
    int64_t at; /* seconds since 1970 */
};

struct state {
    unsigned problems;    /* enum state_problem */
    char reason[512];     /* the first of them, as a sentence for people */
    struct chain chain;   /* of the chain file (or the certificate file); empty where unreadable */
    struct key key;       /* empty where there is none */
    struct state_due due; /* as far as there is a certificate */
};

/* Looks at the files of a set; changes nothing but a key file's mode. now: seconds since 1970.
 * Problems are told in *out, not as errors; negative: -ENOMEM and the like. state_clear
 * wipes and frees. */
int state_read(struct state *out, const struct settings *settings, const struct set *set,
               const struct files *files, int64_t now, struct err *err);
void state_clear(struct state *state);

#endif

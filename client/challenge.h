/*
 * The CNAME that hands a name's dns-01 challenge (RFC 8555 8.4) over to the server's zone.
 */
#ifndef CERTMILL_CLIENT_CHALLENGE_H
#define CERTMILL_CLIENT_CHALLENGE_H

#include "client/asker.h"

enum challenge_state {
    CHALLENGE_THERE,
    CHALLENGE_MISSING,
    CHALLENGE_WRONG,   /* it leads elsewhere, or its DNSSEC chain is broken */
    CHALLENGE_UNKNOWN, /* no answer */
};
/* "there", "missing", "wrong", "unknown". */
const char *challenge_state_name(enum challenge_state state);

struct challenge {
    char owner[LIMIT_NAME_TEXT];  /* _acme-challenge.NAME */
    char record[LIMIT_NAME_TEXT]; /* NAME.ZONE, or its hash (zones/record.h) */
    /* what was found; challenge_look */
    enum challenge_state state;
    char target[LIMIT_NAME_TEXT];   /* of its CNAME; "": there is none */
    char text[4 * LIMIT_NAME_TEXT]; /* a sentence, with the record to publish */
};

/* name: normal form, with or without "*."; zone: apex as text. ERR_LIMIT, ERR_MALFORMED where the
 * name is too long to have a challenge. */
int challenge_init(struct challenge *out, const char *name, const char *zone, struct err *err);

/* Follows the CNAMEs from owner on; label is one that nobody has made a record of, for telling a
 * wildcard. Negative: out of memory. */
int challenge_look(struct challenge *challenge, const struct asker *asker, const char *label,
                   struct err *err);

/* A label that nobody has made. 0 or -errno. */
#define CHALLENGE_LABEL 32
int challenge_label(char dst[static CHALLENGE_LABEL]);

#endif

/*
 * Preflight as an order needs it: what is known of each CA (its CAA names, our account there) is
 * gathered, and what was found is weighed by the mode.
 */
#ifndef CERTMILL_ISSUER_PREFLIGHT_LOOK_H
#define CERTMILL_ISSUER_PREFLIGHT_LOOK_H

#include "issuer/desk.h"
#include "issuer/preflight.h"
#include "issuer/store.h"

struct preflight_look {
    struct preflight *preflight;
    struct desk *desk;
    struct store *store;
    char *const *names; /* normal form */
    size_t name_count;
    const struct authority *const *authorities;
    size_t authority_count; /* LIMIT_AUTHORITIES + 2 at most */
};

/* The names by which a CA goes in CAA records (RFC 8659 4.2), into its caa and caa_count, as long
 * as configuration and directory stay: as configured, else as its directory says (desk may be
 * NULL), else what everybody knows; 0: nobody does. */
void preflight_identities(struct preflight_authority *authority, struct desk *desk);

/* As preflight_start. */
int preflight_look(const struct preflight_look *look, preflight_fn *fn, void *arg,
                   struct preflight_check **check, struct err *err);

/* What becomes of an order at one CA. */
enum preflight_verdict {
    PREFLIGHT_GO,
    PREFLIGHT_NEXT, /* not at this CA */
    PREFLIGHT_STOP, /* at none */
};

/* mode: "off", "warn", "enforce". *reason: the definite findings, a line each, malloc'd; NULL where
 * it goes on, or memory is short. */
enum preflight_verdict preflight_weigh(const char *mode, const struct preflight_finding *findings,
                                       size_t count, char **reason);

#endif

/*
 * The CAs as configured, in one form whether they come from authorities, acme-server-url or are
 * built in, and which of them an order goes to. Pure.
 */
#ifndef CERTMILL_ISSUER_AUTHORITY_H
#define CERTMILL_ISSUER_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/server_conf.h"
#include "issuer/order.h"

/* 0: no limit. */
struct authority_limits {
    int64_t orders;   /* new orders in 3 h */
    int64_t domain;   /* certificates of a registered domain in 7 days */
    int64_t exact;    /* certificates of the same names in 7 days */
    int64_t failures; /* failed authorizations of a name in an hour */
    bool letsencrypt; /* counts as Let's Encrypt does (issuer/ledger.h); else in windows */
};

/* Strings and lists point into the configuration, or are static. */
struct authority {
    const char *name;      /* for people; unique */
    const char *directory; /* URL; unique: one account a directory */
    const char *email, *key_type;
    const char *eab_kid, *eab_algorithm; /* NULL: none */
    int eab_row; /* of conf.authorities, by which the signer knows its key; -1: none */
    const char *profile, *preferred_chain, *ca_file; /* or NULL */
    bool skip_verify;
    enum order_challenge challenge;
    const struct conf_strings *caa; /* NULL or empty: the directory's own */
    struct authority_limits limits;
};

struct authorities {
    struct authority list[LIMIT_AUTHORITIES + 2]; /* Let's Encrypt's two are always known */
    size_t count;
    size_t configured; /* the first so many are ordered from; others only where clients name them */
};

/* conf has passed server_conf_check and outlives it. */
void authorities_read(struct authorities *out, const struct server_conf *conf);
/* By name or by directory URL; NULL: not known. */
const struct authority *authorities_find(const struct authorities *all, const char *name_or_url);

/* What an order is, for the choice. Strings are NULL where not given. */
struct authority_wish {
    const char *client; /* configured client, by its name */
    char *const *names; /* normal form */
    size_t name_count;
    const char *asked; /* name or URL that the request asks for */
    bool staging;
};

/* The CAs to try, in this order, at most LIMIT_AUTHORITIES: what was asked for alone, else the
 * client's own, else the first row of prefer that fits, else all that are configured. Returns how
 * many; ERR_POLICY where the client may not have what it asks for, or nobody knows it. */
int authorities_choose(const struct authorities *all, const struct server_conf *conf,
                       const struct authority_wish *wish,
                       const struct authority *chosen[static LIMIT_AUTHORITIES], struct err *err);

#endif

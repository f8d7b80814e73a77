/*
 * Revocation (RFC 8555 7.6): a CA is asked to revoke a certificate, by the account that ordered it
 * or by what the certificate's key has signed; the store then knows it as revoked.
 */
#ifndef CERTMILL_ISSUER_REVOKE_H
#define CERTMILL_ISSUER_REVOKE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

struct audit;
struct desk;
struct issued;
struct revoke;
struct store;

/* All of it outlives the revoke. */
struct revoke_options {
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct desk *desk;
    struct audit *audit; /* or NULL */
};

int revoke_new(struct revoke **out, const struct revoke_options *options);
/* Whoever waits is answered ERR_CANCELLED before it returns; the CA may revoke all the same. */
void revoke_free(struct revoke *revoke);

enum revoke_way {
    REVOKE_BY_ACCOUNT,
    REVOKE_TO_SIGN, /* nothing is revoked yet: what is to be signed is the result */
    REVOKE_SIGNED,  /* by the certificate's key: jws */
};

struct revoke_jws;

struct revoke_request {
    enum revoke_way way;
    const struct revoke_jws *jws; /* REVOKE_SIGNED; copied */
    const struct issued *issued;  /* copied */
    int reason;                   /* of revoke_reason_parse */
    const char *client, *address; /* for log and audit; or NULL; copied */
    int64_t peer_uid;             /* or -1 */
};

/* Good within the callback. */
struct revoke_result {
    const char *serial, *names; /* names divided by "," */
    int64_t at;                 /* Unix seconds */
    int reason;
    bool already;        /* it was revoked before */
    const char *to_sign; /* REVOKE_TO_SIGN: of revoke_jws_make; nothing else is set */
};

/* error 0: result. ERR_CA: the CA refuses, ERR_NOT_FOUND: it revokes nothing by ACME, ERR_RANGE:
 * signed for another URL than the CA's. */
typedef void revoke_fn(void *arg, int error, const char *text, const struct revoke_result *result);
/* The callback comes once, from within this call or later; where it fails, none. ERR_BUSY past
 * LIMIT_REVOKING. */
int revoke_start(struct revoke *revoke, const struct revoke_request *request, revoke_fn *fn,
                 void *arg, struct err *err);

#endif

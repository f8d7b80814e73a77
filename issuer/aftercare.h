/*
 * What becomes of certificates after they were issued: renewal information (issuer/renewal.h), OCSP
 * (issuer/ocsp.h) and revocation (issuer/revoke.h), as the two sockets ask for it.
 */
#ifndef CERTMILL_ISSUER_AFTERCARE_H
#define CERTMILL_ISSUER_AFTERCARE_H

#include <stdint.h>
#include <uv.h>

#include <jansson.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/server_conf.h"

struct aftercare;
struct audit;
struct desk;
struct store;
struct submit_request;

/* All of it outlives the aftercare, but for conf: aftercare_configure. */
struct aftercare_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct desk *desk;
    struct audit *audit; /* or NULL */
    const struct server_conf *conf;
};

int aftercare_new(struct aftercare **out, const struct aftercare_options *options, struct err *err);
/* Whoever waits is answered before it returns. Before desk_free. */
void aftercare_free(struct aftercare *aftercare);
void aftercare_configure(struct aftercare *aftercare, const struct server_conf *conf);

/* It is the aftercare's. */
struct renewal;
struct renewal *aftercare_renewal(struct aftercare *aftercare);

/* error 0: answer, which the callback takes over. For the submit socket it is the result line's
 * object, for the control socket its data. */
typedef void aftercare_fn(void *arg, int error, const char *text, json_t *answer);

/* SUBMIT_GET_OCSP, SUBMIT_GET_RENEWAL_INFO, SUBMIT_REVOKE_CERTIFICATE,
 * SUBMIT_REVOKE_REQUEST, SUBMIT_REVOKE_SIGNED. The callback comes once,
 * from within this call or later; where it fails, none. */
int aftercare_submit(struct aftercare *aftercare, const struct submit_request *request,
                     int64_t peer_uid, aftercare_fn *fn, void *arg, struct err *err);
/* An operator revokes a certificate; reason NULL: unspecified. Otherwise the same. */
int aftercare_revoke(struct aftercare *aftercare, const char *serial, const char *reason,
                     int64_t peer_uid, aftercare_fn *fn, void *arg, struct err *err);

#endif

/*
 * The issuer's end of the channel to the signer (common/ipc.h, IPC_KEY_REQUEST and
 * on). Requests wait while the signer is being restarted and are sent again to the new one.
 */
#ifndef CERTMILL_ISSUER_SIGNCLIENT_H
#define CERTMILL_ISSUER_SIGNCLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/err.h"
#include "common/log.h"

struct signclient;

int signclient_new(struct signclient **out, uv_loop_t *loop, struct log *log);
/* fn: called when the signer broke the protocol and was cut off. */
void signclient_on_broken(struct signclient *client, void (*fn)(void *arg), void *arg);
void signclient_free(struct signclient *client);
/* A (new) channel; taken over. What is unanswered is sent again on it. */
int signclient_attach(struct signclient *client, int fd);

/* error 0: jwk and thumbprint. Returns a request number, 0 on -ENOMEM. */
typedef void signclient_key_fn(void *arg, int error, const char *text, const char *jwk,
                               const char *thumbprint);
uint64_t signclient_key(struct signclient *client, const char *key, const char *type,
                        signclient_key_fn *fn, void *arg);

struct signclient_jws {
    const char *key, *url, *nonce;
    const char *kid;     /* NULL: jwk in the protected header */
    const char *payload; /* NULL: empty (POST-as-GET) */
};

/* error 0: the flattened JWS, len bytes, good within the callback. Returns a request number for
 * signclient_cancel, 0 on -ENOMEM. */
typedef void signclient_jws_fn(void *arg, int error, const char *text, const char *jws, size_t len);
uint64_t signclient_sign(struct signclient *client, const struct signclient_jws *jws,
                         signclient_jws_fn *fn, void *arg);
/* error 0: names of the keys NAME, NAME-2, NAME-3 ... that there are, the highest number first;
 * good within the callback. Returns a request number, 0 on -ENOMEM. */
typedef void signclient_list_fn(void *arg, int error, const char *text, const char *const *names,
                                size_t count);
uint64_t signclient_list(struct signclient *client, const char *name, signclient_list_fn *fn,
                         void *arg);

/* The external account binding (RFC 8555 7.3.4) of a key at an authority of the configuration;
 * answered as signclient_sign. */
uint64_t signclient_bind(struct signclient *client, const char *key, const char *authority,
                         const char *url, signclient_jws_fn *fn, void *arg);
/* Its callback will not come; 0 and an unknown number are ignored. */
void signclient_cancel(struct signclient *client, uint64_t request);

#endif

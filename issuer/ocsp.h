/*
 * OCSP responses for the certificates that were issued here, fetched from the responder that the
 * certificate names (RFC 6960 A.1: POST), checked (issuer/ocsp_check.h), and kept in memory until
 * half of their life is over: LIMIT_OCSP_CACHE octets of them, the longest unused go first.
 */
#ifndef CERTMILL_ISSUER_OCSP_H
#define CERTMILL_ISSUER_OCSP_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

struct http;
struct ocsp;
struct store;

/* All of it outlives the ocsp. */
struct ocsp_options {
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct http *http; /* http_new_plain */
};

int ocsp_new(struct ocsp **out, const struct ocsp_options *options);
/* Whoever waits is answered ERR_CANCELLED before it returns. */
void ocsp_free(struct ocsp *ocsp);

/* error 0: der, good within the callback. */
typedef void ocsp_fn(void *arg, int error, const char *text, const uint8_t *der, size_t len);
/* The response for the first certificate of a PEM chain. The callback comes once, from within this
 * call or later; where it fails, none. ERR_NOT_FOUND: the certificate names no responder, or was
 * not issued here; ERR_BUSY: LIMIT_OCSP_ASKING responders are being asked. A responder that says
 * "revoked" is believed: the store marks the certificate. */
int ocsp_get(struct ocsp *ocsp, const char *chain_pem, size_t len, ocsp_fn *fn, void *arg,
             struct err *err);

#endif

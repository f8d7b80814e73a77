/*
 * A certificate chain as a CA or a client hands it over: PEM, leaf first.
 */
#ifndef CERTMILL_ISSUER_CERT_H
#define CERTMILL_ISSUER_CERT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* What the store keeps of the leaf; all strings are owned, cert_clear frees them. */
struct cert {
    char *serial;  /* lower-case hex */
    char *names;   /* subjectAltNames, divided by "," */
    char *subject; /* RFC 2253 form */
    char *issuer;
    int64_t not_before, not_after; /* Unix seconds */
    char *ocsp_url;                /* responder (RFC 6960), or NULL where it names none */
    char spki_sha256[65];          /* of the leaf's key, lower-case hex */
    size_t count;                  /* certificates in the chain, 1 to LIMIT_CHAIN */
};

/* Reads len bytes of PEM. ERR_LIMIT past LIMIT_CHAIN_PEM or LIMIT_CHAIN; ERR_MALFORMED for
 * anything but certificates, one line saying what is wrong. */
int cert_parse(struct cert *out, const char *pem, size_t len, struct err *err);
void cert_clear(struct cert *cert);

/* For people: each certificate of the chain in words; *text malloc'd. */
int cert_describe(const char *pem, size_t len, char **text, struct err *err);

#endif

/*
 * The proof that who asks for a revocation holds the certificate's private key: a signature over
 * four lines of text that name the certificate, the reason and the time (docs/protocol.md). A CSR
 * would prove nothing: this server has the one that the certificate was ordered with.
 */
#ifndef CERTMILL_ISSUER_REVOKE_PROOF_H
#define CERTMILL_ISSUER_REVOKE_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* input: the signed lines, a line with the signature, and the certificate in PEM form (a chain: its
 * first counts). now: Unix seconds. ERR_MALFORMED, ERR_RANGE: it is of another form, names another
 * certificate, an unknown reason, or a time more than LIMIT_REVOKE_S away; ERR_POLICY: the
 * signature is not by the certificate's key. */
int revoke_proof_check(const char *input, size_t len, int64_t now, int *reason, struct err *err);

#endif

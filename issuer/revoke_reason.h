/*
 * Why a certificate is revoked: the CRLReason codes (RFC 5280 5.3.1) that somebody who holds a
 * certificate may give a CA (RFC 8555 7.6). The others are the CA's own to give, are about CAs, or
 * mean nothing without CRLs.
 */
#ifndef CERTMILL_ISSUER_REVOKE_REASON_H
#define CERTMILL_ISSUER_REVOKE_REASON_H

#include "common/err.h"

#define REVOKE_REASONS                                                                             \
    "unspecified (0), keyCompromise (1), affiliationChanged (3), superseded (4), "                 \
    "cessationOfOperation (5)"

/* Their names; NULL-terminated. */
extern const char *const revoke_reason_words[];

/* By name, whatever its case, or by number. ERR_RANGE: err lists them. */
int revoke_reason_parse(int *reason, const char *word, struct err *err);
/* Of any code, also of those that only a CA gives; never NULL. */
const char *revoke_reason_name(int reason);

#endif

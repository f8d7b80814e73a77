/*
 * External account bindings (RFC 8555 7.3.4): the keys that CAs gave, and what is made with them.
 */
#ifndef CERTMILL_SIGNER_EAB_H
#define CERTMILL_SIGNER_EAB_H

#include "common/boot.h"
#include "common/err.h"

struct eab;

/* The authorities of boot.conf that have a binding, their keys out of boot.files (IPC_FILE_EAB),
 * copied. Free with eab_free, which wipes them. */
int eab_new(struct eab **out, const struct boot *boot, struct err *err);
void eab_free(struct eab *eab);

/* The binding of the account key jwk (canonical JSON) at this authority's newAccount url: a
 * flattened JWS, malloc'd. ERR_NOT_FOUND where the authority has no key. */
int eab_make(const struct eab *eab, const char *authority, const char *url, const char *jwk,
             char **out, struct err *err);

#endif

/*
 * Issuers of certificates, which a few hundred sets have in common: each is parsed, and its
 * signature verified, once.
 */
#ifndef CERTMILL_CLIENT_ISSUERS_H
#define CERTMILL_CLIENT_ISSUERS_H

#include "client/chain.h"

/* For several threads. */
struct issuers;

/* NULL where there is no memory. */
struct issuers *issuers_new(void);
void issuers_free(struct issuers *issuers);

/* The certificates of len octets of PEM, of which each is signed by the next, as proved now or
 * earlier (octet by octet the same text); none for empty text. issuers may be NULL. chain_clear
 * frees *out. ERR_MALFORMED, ERR_LIMIT, ERR_CORRUPT. */
int issuers_read(struct issuers *issuers, struct chain *out, const char *pem, size_t len,
                 struct err *err);

#endif

/*
 * What the operator of a domain publishes once for the ways of proving it that are the account's.
 * Pure.
 */
#ifndef CERTMILL_ISSUER_ORDER_RECORD_H
#define CERTMILL_ISSUER_ORDER_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/limits.h"

#define ORDER_ACCOUNT_LABEL 18 /* "_", 16 characters, NUL */
#define ORDER_RECORD_TEXT   4096

/* draft-ietf-acme-dns-account-label 3.2: "_" and the base32 (RFC 4648 6, lower case) of the first
 * ten octets of the account URL's SHA-256. The challenge's owner name is this label, then
 * _acme-challenge, then the domain. ERR_CRYPTO. */
int order_account_label(char dst[static ORDER_ACCOUNT_LABEL], const char *account_url);

/* draft-ietf-acme-dns-persist: the TXT rdata at _validation-persist.DOMAIN as a zone file has it,
 * in quotes, each character-string of at most 255 octets. issuer_domain: one of the CA's names (its
 * CAA identities). wildcard: for *.DOMAIN and names below it as well. ERR_MALFORMED where a text
 * has characters that an RFC 8659 4.2 value cannot have, ERR_LIMIT. */
int order_persist_record(char dst[static ORDER_RECORD_TEXT], const char *issuer_domain,
                         const char *account_url, bool wildcard);

#endif

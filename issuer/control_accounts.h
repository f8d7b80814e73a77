/*
 * Accounts as control.sock shows them (docs/protocol.md): what is on record, and what the CAs'
 * directories say.
 */
#ifndef CERTMILL_ISSUER_CONTROL_ACCOUNTS_H
#define CERTMILL_ISSUER_CONTROL_ACCOUNTS_H

#include <jansson.h>

#include "common/err.h"

struct desk;
struct store;

/* The "data" of an answer: a row for each CA that is configured, and for each other one that there
 * is an account at. NULL: err is filled. */
json_t *control_accounts(struct store *store, const struct desk *desk, struct err *err);

#endif

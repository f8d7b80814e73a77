/*
 * A CA's directory (RFC 8555 7.1.1). Pure.
 */
#ifndef CERTMILL_ISSUER_ACME_DIRECTORY_H
#define CERTMILL_ISSUER_ACME_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct acme_directory {
    char *new_nonce, *new_account, *new_order;
    char *revoke_cert, *renewal_info; /* NULL where it has none, or no https URL */
    bool external_account;            /* the CA wants an external account binding */
};

/* ERR_MALFORMED, with the member that is missing or no https URL; -ENOMEM. */
int acme_directory_parse(struct acme_directory *out, const char *body, size_t len, struct err *err);
void acme_directory_clear(struct acme_directory *directory);

#endif

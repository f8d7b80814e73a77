/*
 * A CA's directory (RFC 8555 7.1.1; profiles: draft-ietf-acme-profiles; renewalInfo: RFC 9773 3).
 * Pure. What is needed to order must be there; of the rest, what is not as it should be counts as
 * absent.
 */
#ifndef CERTMILL_ISSUER_ACME_DIRECTORY_H
#define CERTMILL_ISSUER_ACME_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/limits.h"
#include "issuer/acme.h"

struct acme_directory {
    char *new_nonce, *new_account, *new_order;
    char *revoke_cert, *key_change, *renewal_info; /* NULL: not offered */
    char *terms, *website;                         /* URLs for people, or NULL */
    bool external_account;                         /* the CA wants an external account binding */
    char *caa[LIMIT_CAA_IDENTITIES];
    size_t caa_count;
    struct acme_profile profiles[LIMIT_PROFILES];
    size_t profile_count;
};

/* ERR_MALFORMED, with the member that is missing or no https URL; -ENOMEM. */
int acme_directory_parse(struct acme_directory *out, const char *body, size_t len, struct err *err);
void acme_directory_clear(struct acme_directory *directory);

#endif

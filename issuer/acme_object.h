/*
 * An account as a CA shows it (RFC 8555 7.1.2). Pure. What is absent or not as it should be counts
 * as not said.
 */
#ifndef CERTMILL_ISSUER_ACME_OBJECT_H
#define CERTMILL_ISSUER_ACME_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define ACME_CONTACT 256 /* octets of an address: 254 (RFC 5321 4.5.3.1.3) with room */

struct acme_object {
    const char *status;         /* "valid", "deactivated", "revoked"; NULL: not said */
    bool contacts;              /* contact is there */
    char contact[ACME_CONTACT]; /* its one mailto address; "": none, several, or another kind */
};

/* Never fails: a body that is no account says nothing. */
void acme_object_parse(struct acme_object *out, const char *body, size_t len);

#endif

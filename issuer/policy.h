/*
 * Who may have what, decided before anything is said to a CA.
 */
#ifndef CERTMILL_ISSUER_POLICY_H
#define CERTMILL_ISSUER_POLICY_H

#include <stdbool.h>

#include "common/err.h"
#include "common/server_conf.h"
#include "issuer/csr.h"

/* Whether a client with these domain sets (docs/protocol.md, "domains") may have all names of
 * the CSR in one certificate. ERR_POLICY: err names the name and what is permitted.
 * ERR_MALFORMED, ERR_LIMIT: the sets themselves are wrong, which the operator must mend. */
int policy_names(const char *domains, const struct csr *csr, struct err *err);

/* The same for a client of the configuration: kind of key, number of names, names (those that no
 * pattern fits have to be within one set), and the profile that it asks for, or NULL. ERR_POLICY.
 */
int policy_client(const struct server_conf_client *client, const struct csr *csr,
                  const char *profile, struct err *err);

/* The same as far as names go. */
int policy_client_names(const struct server_conf_client *client, const struct csr *csr,
                        struct err *err);

/* Whether one of the patterns ("*.example.org": every name below example.org, wildcards included)
 * fits the name (normal form). */
bool policy_patterns(const struct conf_strings *patterns, const char *name);

#endif

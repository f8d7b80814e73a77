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

/* The directory URL in use where a client asks for none. */
const char *policy_default_directory(const struct server_conf *conf);

/* Which CA a request may use: asked (URL or NULL) must be the one in use; staging maps Let's
 * Encrypt to its staging server, and is refused for a CA that has none here. *url lives as
 * long as conf. ERR_POLICY. */
int policy_directory(const struct server_conf *conf, const char *asked, bool staging,
                     const char **url, struct err *err);

#endif

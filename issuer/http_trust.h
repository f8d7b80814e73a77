/*
 * Whom we trust over HTTPS: the system's CAs and an extra file, read once into one
 * store that all connections share (parsing the bundle anew for each costs 5 ms and more). The
 * system's are added when the first connection needs them: at a start the zones go first.
 */
#ifndef CERTMILL_ISSUER_HTTP_TRUST_H
#define CERTMILL_ISSUER_HTTP_TRUST_H

#include <openssl/x509.h>

#include "common/err.h"
#include "common/log.h"
#include "issuer/http.h"

/* A store with the certificates of trust's file, which must be good; none without a file. The store
 * is the caller's (X509_STORE_free). */
int http_trust_load(X509_STORE **out, const struct http_trust *trust, struct err *err);
/* Adds the system's bundle, which may be missing (log says so). */
void http_trust_add_system(X509_STORE *store, const char *system_file, struct log *log);

#endif

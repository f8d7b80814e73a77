/*
 * Whom we trust over HTTPS: the system's CAs and an extra file, read once into one
 * store that all connections share (parsing the bundle anew for each costs 5 ms).
 */
#ifndef CERTMILL_ISSUER_HTTP_TRUST_H
#define CERTMILL_ISSUER_HTTP_TRUST_H

#include <openssl/x509.h>

#include "common/err.h"
#include "common/log.h"

/* system_file: bundle of the system, may be missing (log says so); extra: must be good. The store
 * is the caller's (X509_STORE_free). */
int http_trust_load(X509_STORE **out, const char *system_file, const char *extra, struct log *log,
                    struct err *err);

#endif

/*
 * The commands "check" of both sockets: preflight by itself.
 */
#ifndef CERTMILL_ISSUER_PREFLIGHT_COMMAND_H
#define CERTMILL_ISSUER_PREFLIGHT_COMMAND_H

#include <jansson.h>

#include "issuer/preflight_look.h"

struct preflight_command {
    struct preflight *preflight;
    struct desk *desk; /* or NULL: CAA names of CAs' directories are not known */
    struct store *store;
    const struct server_conf *conf;
    const char *names; /* as given, divided by "," */
    /* Of a client, which may check only what it may have: one of these; NULL both: an operator. */
    const char *client_name, *domains;
};

/* Looks at the names for all CAs that they may go to. ERR_MALFORMED, ERR_LIMIT (LIMIT_NAMES),
 * ERR_POLICY, and what preflight_start fails with. */
int preflight_command(const struct preflight_command *command, preflight_fn *fn, void *arg,
                      struct preflight_check **check, struct err *err);

bool preflight_all_good(const struct preflight_finding *findings, size_t count);
/* "good", "temporary", "definite" */
const char *preflight_severity_name(enum preflight_severity severity);
/* {"good": ..., "findings": [...]}, NULL: out of memory. */
json_t *preflight_json(const struct preflight_finding *findings, size_t count);

#endif

/*
 * The CA files of the configuration, each for the HTTPS of its own CA alone. The supervisor has
 * read them (IPC_FILE_TRUST), so that they may lie where the issuer may not read.
 */
#ifndef CERTMILL_ISSUER_TRUSTS_H
#define CERTMILL_ISSUER_TRUSTS_H

#include <stddef.h>

#include "common/boot.h"
#include "common/err.h"
#include "issuer/http.h"

struct trusts_file {
    char *path, *pem;
    size_t len;
};

/* Zeroed is empty. */
struct trusts {
    struct trusts_file files[LIMIT_AUTHORITIES + 1];
    size_t count;
};

/* Reads and judges the files of boot. On error *out is empty, and err says which file and why. */
int trusts_read(struct trusts *out, const struct boot *boot, struct err *err);
void trusts_clear(struct trusts *trusts);

/* What http_new is to trust for a CA; path is the ca_file of its authority, or NULL. Points into
 * trusts. */
struct http_trust trusts_for(const struct trusts *trusts, const char *path, bool skip_verify);

#endif

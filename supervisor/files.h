/*
 * The files that a configuration names, read into sealed memory: children get a snapshot which
 * cannot change under them, and which a file broken later cannot spoil. Each kind is for one
 * child alone.
 */
#ifndef CERTMILL_SUPERVISOR_FILES_H
#define CERTMILL_SUPERVISOR_FILES_H

#include <stddef.h>

#include "common/boot.h"
#include "common/err.h"
#include "common/server_conf.h"

struct files {
    struct boot_file items[LIMIT_BOOT_FILES];
    size_t count;
};

/* Reads every zones[].file, dns-cookie-secret-file, acme-ca-file, and eab-key-file and ca-file of
 * every authority. Secrets are judged here, by the code that dnsd and the signer take them with, so
 * that they cannot refuse what was accepted; zone files and trust are judged by the issuer. On
 * error *files is empty. */
int files_read(struct files *files, const struct server_conf *conf, struct err *err);

/* Opens what this child may have anew, read-only and each at its beginning. */
int files_reopen(struct files *copy, const struct files *files, enum ipc_role role,
                 struct err *err);

void files_clear(struct files *files);

#endif

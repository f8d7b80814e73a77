/*
 * The zone files of a configuration, read into sealed memory: children get a snapshot which
 * cannot change under them, and which a file broken later cannot spoil.
 */
#ifndef CERTMILL_SUPERVISOR_ZONEFILES_H
#define CERTMILL_SUPERVISOR_ZONEFILES_H

#include <stddef.h>

#include "common/boot.h"
#include "common/err.h"
#include "common/server_conf.h"

struct zonefiles {
    struct boot_file items[LIMIT_DNS_ZONES];
    size_t count;
};

/* Reads every zones[].file. On error *files is empty. */
int zonefiles_read(struct zonefiles *files, const struct server_conf *conf, struct err *err);

/* Opens them anew, read-only and each at its beginning, for a child. */
int zonefiles_reopen(struct zonefiles *copy, const struct zonefiles *files, struct err *err);

void zonefiles_clear(struct zonefiles *files);

#endif

/*
 * certmilld's configuration as the supervisor reads it, at start and at each reload.
 */
#ifndef CERTMILL_SUPERVISOR_SETTINGS_H
#define CERTMILL_SUPERVISOR_SETTINGS_H

#include <stddef.h>

#include "common/err.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/server_conf.h"

struct settings_source {
    int argc; /* without the program's name */
    char **argv;
    char **envp;
};

/* Makes the folder of the configuration file the current one, so that relative paths in it
 * mean what they say, and the file's own path absolute in argv or envp (whose slot may be
 * replaced; *path, malloc'd or NULL, has to live as long). */
int settings_enter(struct settings_source *source, char **path, struct err *err);

/* Reads file, environment and command line; paths become absolute. ERR_UNKNOWN names a
 * word that is no option. */
int settings_load(const struct settings_source *source, struct server_conf *conf, struct err *err);

/* Puts back into fresh what only a new start can change, and says so in the log. */
int settings_keep_fixed(struct server_conf *fresh, const struct server_conf *old, struct log *log);

/* What a child needs of it; all of it still belongs to conf. Clients are the issuer's alone: 10,000
 * of them take each process some 10 MB, and say who may have what. */
struct server_conf settings_for(enum ipc_role role, const struct server_conf *conf);

/* dns-threads, or the cores that we may use. */
size_t settings_workers(const struct server_conf *conf);

#endif

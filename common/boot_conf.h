/*
 * The configuration on its way from the supervisor to a child: packed, in a sealed memfile, as it
 * may be larger than any message.
 */
#ifndef CERTMILL_COMMON_BOOT_CONF_H
#define CERTMILL_COMMON_BOOT_CONF_H

#include "common/err.h"
#include "common/server_conf.h"

/* A descriptor to be handed over, and closed; or a negative error. */
int boot_conf_seal(const struct server_conf *conf, struct err *err);
/* Reads all of it; fd stays the caller's. On error *conf holds nothing.
 * ERR_LIMIT, ERR_MALFORMED, ERR_VERSION, -errno. */
int boot_conf_open(struct server_conf *conf, int fd);

#endif

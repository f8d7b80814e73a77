/*
 * The rows of certmilld's configuration that are about CAs and clients.
 */
#ifndef CERTMILL_COMMON_SERVER_CONF_CA_H
#define CERTMILL_COMMON_SERVER_CONF_CA_H

#include "common/server_conf.h"

extern const struct conf_schema server_conf_authority_schema;
extern const struct conf_schema server_conf_prefer_schema;
extern const struct conf_schema server_conf_client_schema;

/* What holds across these rows: names unique and known, directories unique. */
int server_conf_check_ca(struct server_conf *conf, struct err *err);

#endif

/*
 * What holds across certmilld's options, and the defaults that follow from others.
 */
#ifndef CERTMILL_COMMON_SERVER_CONF_CHECK_H
#define CERTMILL_COMMON_SERVER_CONF_CHECK_H

#include "common/server_conf.h"

/* The check of server_conf_schema; conf is a struct server_conf. */
int server_conf_check(void *conf, struct err *err);

/* The schema of a row of zones. */
const struct conf_schema *server_conf_zone_schema(void);

/* The same with the host's name given: qualified or not, as gethostname(2) has it. */
int server_conf_check_as(struct server_conf *conf, const char *host, struct err *err);

#endif

/*
 * The client's configuration: the keys of certgrinder's that its commands need.
 */
#ifndef CERTMILL_CLIENT_SETTINGS_H
#define CERTMILL_CLIENT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/log.h"

struct settings {
    char *acme_server_url;
    char *certgrinderd; /* command that reaches the server; `server` is its other name */
    bool debug;
    struct conf_strings domain_list;
    int64_t expected_chain_length; /* 0: any */
    struct conf_strings key_type_list;
    char *log_level;
    char *path;
    char *preferred_chain;
    bool quiet;
    char *server;
    bool staging;
    char *syslog_facility, *syslog_socket;
};

extern const struct conf_schema settings_schema;

/* The level that log-level, debug and quiet make together. */
enum log_level settings_level(const struct settings *settings);

/* The command that reaches the server, or NULL. */
const char *settings_server(const struct settings *settings);

#endif

/*
 * The client's configuration: all keys of certgrinder's, and ours.
 */
#ifndef CERTMILL_CLIENT_SETTINGS_H
#define CERTMILL_CLIENT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/log.h"

/* A row of `copies`: one more file made of each certificate, for a program that wants another form.
 */
struct settings_copy {
    char *form;          /* a word of copy_forms: combined, chain, certificate, key, der, pkcs12 */
    char *path;          /* {name} and {type} stand for NAME and TYPE of the files */
    char *owner, *group; /* NULL: as of the files */
    char *mode;          /* octal; NULL: 0640 */
    char *password_file; /* pkcs12: its first line; NULL: no password */
};

/* The keys of the YAML file; what each is for stands in settings.c. */
struct settings {
    char *acme_server_url;
    char *acme_zone; /* NULL: the server is asked */
    char *authority;
    struct conf_strings caa_validation_methods;
    int64_t cert_renew_threshold_days; /* 0: by the CA's word, else a third of the lifetime */
    char *certgrinderd; /* command that reaches the server; `server` is its other name */
    struct conf_table copies;
    struct conf_strings domain_list;
    char *ecdsa_curve;             /* of new keys */
    int64_t expected_chain_length; /* 0: any */
    char *group;                   /* of files; NULL: as it is */
    int64_t hook_timeout;          /* seconds */
    struct conf_strings invalid_ca_cn_list;
    int64_t jobs;
    int64_t keep_old; /* previous sets */
    struct conf_strings key_type_list;
    char *log_level;
    char *mode; /* of files, octal */
    char *name_server;
    char *owner;
    char *path;
    int64_t periodic_sleep_minutes;
    char *pid_dir; /* of locks; NULL: within path */
    struct conf_strings post_renew_hooks;
    char *post_renew_hooks_dir, *post_renew_hooks_dir_runner;
    char *preferred_chain;
    char *profile;
    char *rsa_bits; /* of new keys */
    char *scan;
    char *server;
    int64_t server_timeout; /* seconds */
    char *starttls;         /* NULL: TLS from the start */
    char *syslog_facility, *syslog_socket;
    int64_t tlsa_port; /* 0: not given */
    char *tlsa_protocol;
    struct conf_strings tlsa_type_list;
    char *trust_anchor;
    /* Together, so that they leave no holes. */
    bool add_www;
    bool alternate_chain;
    bool debug;
    bool json;
    bool now;
    bool quiet;
    bool staging;
    bool validate;
};

extern const struct conf_schema settings_copy_schema;
extern const struct conf_schema settings_schema;

/* The level that log-level, debug and quiet make together. */
enum log_level settings_level(const struct settings *settings);

/* The command that reaches the server, or NULL. */
const char *settings_server(const struct settings *settings);

#endif

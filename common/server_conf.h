/*
 * The configuration of certmilld: the struct and its schema (server_conf.c).
 */
#ifndef CERTMILL_COMMON_SERVER_CONF_H
#define CERTMILL_COMMON_SERVER_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"

struct server_conf_zone {
    char *name;                      /* apex; checked to be a domain name */
    struct conf_strings nameservers; /* NS targets when there is no file */
    char *hostmaster;                /* SOA RNAME, as address or as name */
    char *file;                      /* zone file with the static records, or NULL */
    int64_t challenge_ttl;           /* seconds, 0 by default */
};

struct server_conf {
    struct conf_strings dns_listen;            /* address:port */
    int64_t dns_threads;                       /* 0: one a core */
    int64_t dns_udp_payload;                   /* octets */
    char *dns_nsid;                            /* text, or 0x and hexadecimal digits */
    char *dns_version, *dns_id, *dns_hostname; /* CH TXT; NULL: refused */
    char *dns_cookies;                         /* "off", "on", "enforce" */
    char *dns_cookie_secret_file;
    int64_t dns_tcp_clients, dns_tcp_clients_per_address;
    int64_t dns_tcp_idle, dns_tcp_lifetime;                       /* seconds */
    int64_t dns_rate_answers, dns_rate_nxdomain, dns_rate_errors; /* a second and prefix; 0: off */
    int64_t dns_rate_slip; /* every so many of the dropped are answered with TC; 0: none */
    int64_t dns_rate_ipv4_prefix, dns_rate_ipv6_prefix; /* bits */
    struct conf_strings dns_rate_allow;                 /* address blocks */
    int64_t dns_refused_drop; /* REFUSED a second and prefix, more are dropped; 0: never */
    char *acme_zone;          /* one zone with defaults; server_conf_check adds it to zones */
    struct conf_table zones;  /* struct server_conf_zone */
    char *acme_server_url;
    bool staging;
    char *acme_email;
    char *acme_ca_file;
    bool skip_acme_server_cert_verify;
    char *preferred_chain;
    char *account_key_type; /* "ecdsa-p256" (default), "ecdsa-p384", "rsa-2048", "rsa-3072",
                               "rsa-4096" */
    char *state_dir, *run_dir;
    char *user, *dns_user, *signer_user;
    char *log_level, *log_format;
    char *syslog_facility, *syslog_socket;
};

extern const struct conf_schema server_conf_schema;

#define SERVER_CONF_LETSENCRYPT         "https://acme-v02.api.letsencrypt.org/directory"
#define SERVER_CONF_LETSENCRYPT_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

#endif

/*
 * The configuration of certmilld: the struct and its schema (server_conf.c).
 */
#ifndef CERTMILL_COMMON_SERVER_CONF_H
#define CERTMILL_COMMON_SERVER_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/option.h"

struct server_conf_zone {
    char *name;                      /* apex; checked to be a domain name */
    struct conf_strings nameservers; /* NS targets when there is no file */
    char *hostmaster;                /* SOA RNAME, as address or as name */
    char *file;                      /* zone file with the static records, or NULL */
    int64_t challenge_ttl;           /* seconds, 0 by default */
};

/* A CA and our account there. */
struct server_conf_authority {
    char *name;          /* for people, logs and the other keys */
    char *directory;     /* URL; NULL for the built-in letsencrypt and letsencrypt-staging */
    char *email;         /* NULL: acme-email */
    char *key_type;      /* of the account key; NULL: account-key-type */
    char *eab_kid;       /* external account binding (RFC 8555 7.3.4), or NULL */
    char *eab_key_file;  /* its key, base64url; for the signer alone */
    char *eab_algorithm; /* "HS256", "HS384", "HS512" */
    char *profile;
    char *preferred_chain;   /* NULL: preferred-chain */
    char *ca_file;           /* NULL: acme-ca-file */
    char *challenge;         /* "dns-01", "dns-account-01", "dns-persist-01" */
    struct conf_strings caa; /* issuer domain names (RFC 8659 4.2); empty: the directory's own */
    /* Limits of the CA for this account; -1: what is known of it (Let's Encrypt's), 0: none. */
    int64_t limit_orders;   /* new orders in 3 h */
    int64_t limit_domain;   /* certificates of a registered domain in 7 days */
    int64_t limit_exact;    /* certificates of the same names in 7 days */
    int64_t limit_failures; /* failed authorizations of a name in an hour */
};

/* Which CAs the orders of some names or clients go to, in which order; the first row that fits
 * holds, and where none does, all authorities in the order of their list. */
struct server_conf_prefer {
    struct conf_strings names;       /* patterns; empty: any */
    struct conf_strings clients;     /* empty: any */
    struct conf_strings authorities; /* names of authorities */
};

/* A client that its forced command names (certmill-shell --client). */
struct server_conf_client {
    char *name;
    struct conf_strings names;       /* sets that it may have, "a.example,b.example" */
    struct conf_strings patterns;    /* "*.example.org": what it may have besides */
    struct conf_strings key_types;   /* of its certificates' keys; empty: any that is taken */
    struct conf_strings profiles;    /* that it may ask for; empty: none */
    struct conf_strings authorities; /* that it may ask for; empty: any */
    struct conf_strings public_keys; /* "ssh-ed25519 AAAA...", for sshd's AuthorizedKeysCommand */
    int64_t max_names;               /* in one certificate */
    int64_t requests_per_day;        /* 0: no limit */
    char *authority, *profile;       /* its own choice, or NULL */
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
    char *account_key_type;        /* "ecdsa-p256" (default), "ecdsa-p384", "rsa-2048", "rsa-3072",
                                      "rsa-4096" */
    struct conf_table authorities; /* struct server_conf_authority; empty: acme_server_url */
    struct conf_table prefer;      /* struct server_conf_prefer */
    struct conf_table clients;     /* struct server_conf_client */
    int64_t renew_within;          /* days; 0: a third of the certificate's life */
    char *preflight;               /* "off", "warn", "enforce" */
    struct conf_strings resolver;  /* address:port; empty: the system's */
    int64_t audit_size, audit_files; /* MiB of one file; files kept */
    char *notify_program, *notify_sendmail, *notify_from;
    struct conf_strings notify_email, notify_events;
    int64_t notify_per_hour;
    char *state_dir, *run_dir;
    char *user, *dns_user, *signer_user, *notify_user;
    char *log_level, *log_format;
    char *syslog_facility, *syslog_socket;
};

extern const struct conf_schema server_conf_schema;

/* Options of certmilld that are no keys, besides option_asks_rows; its schema has them as well. */
struct server_conf_wish {
    bool check; /* to look at the configuration, and no more */
};
extern const struct option_row server_conf_wishes[];
extern const size_t server_conf_wish_count;

/* Whether anybody is to be notified, so that notify-user counts. */
bool server_conf_notifies(const struct server_conf *conf);

/* A row of clients by its name, or NULL. The check sorts them. */
const struct server_conf_client *server_conf_client_find(const struct server_conf *conf,
                                                         const char *name);

#define SERVER_CONF_LETSENCRYPT         "https://acme-v02.api.letsencrypt.org/directory"
#define SERVER_CONF_LETSENCRYPT_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

#endif

#include "common/server_conf_ca.h"

#include <stdlib.h>
#include <string.h>

#include "common/keytype.h"
#include "common/limits.h"
#include "common/server_conf_keys.h"
#include "common/server_conf_value.h"

static const char *const eab_algorithms[] = {"HS256", "HS384", "HS512", NULL};
static const char *const challenges[] = {"dns-01", "dns-account-01", "dns-persist-01", NULL};

static int needs_name(const char *name, const char *what, struct err *err)
{
    return name != NULL
               ? 0
               : err_set(err, ERR_NOT_FOUND, "this %s has no name; add the key 'name'", what);
}

/* -- authorities -- */

static bool is_built_in(const char *name)
{
    return strcmp(name, "letsencrypt") == 0 || strcmp(name, "letsencrypt-staging") == 0;
}

static int check_authority(void *row, struct err *err)
{
    const struct server_conf_authority *a = row;
    int ret = needs_name(a->name, "authority", err);

    if (ret < 0) {
        return ret;
    }
    if (a->directory == NULL && !is_built_in(a->name)) {
        return err_set(err, ERR_NOT_FOUND,
                       "authority %s has no directory; add the key 'directory' with the URL of "
                       "its ACME directory",
                       a->name);
    }
    if ((a->eab_kid == NULL) != (a->eab_key_file == NULL)) {
        return err_set(err, ERR_NOT_FOUND,
                       "authority %s: eab-kid and eab-key-file belong together; the CA gives both",
                       a->name);
    }
    return 0;
}

#define CA(field) offsetof(struct server_conf_authority, field)

static const struct conf_option authority_options[] = {
    {.key = "name",
     .type = CONF_STRING,
     .offset = CA(name),
     .max = 64,
     .check = server_conf_value_word,
     .help = "Name of the CA here. letsencrypt and letsencrypt-staging need no directory."},
    {.key = "directory",
     .type = CONF_STRING,
     .offset = CA(directory),
     .max = LIMIT_URL,
     .check = server_conf_value_url,
     .help = "URL of the CA's ACME directory."},
    {.key = "email",
     .type = CONF_STRING,
     .offset = CA(email),
     .max = 254,
     .check = server_conf_value_email,
     .help = "Address that the CA may write to, instead of acme-email."},
    {.key = "key-type",
     .type = CONF_WORD,
     .offset = CA(key_type),
     .words = keytype_words,
     .help = "Kind of the account key, used when it is made, instead of account-key-type."},
    {.key = "eab-kid",
     .type = CONF_STRING,
     .offset = CA(eab_kid),
     .max = 512,
     .help = "Key identifier of the external account binding (RFC 8555 7.3.4), as the CA gave it."},
    {.key = "eab-key-file",
     .type = CONF_STRING,
     .offset = CA(eab_key_file),
     .max = LIMIT_PATH,
     .check = server_conf_value_secret_file,
     .help = "File with the key of the external account binding in base64url, as the CA gave it."},
    {.key = "eab-algorithm",
     .type = CONF_WORD,
     .offset = CA(eab_algorithm),
     .fallback = "HS256",
     .words = eab_algorithms,
     .help = "What the external account binding is signed with."},
    {.key = "profile",
     .type = CONF_STRING,
     .offset = CA(profile),
     .max = 64,
     .check = server_conf_value_word,
     .help = "Profile of certificates, of those that the CA offers; its default without it."},
    {.key = "preferred-chain",
     .type = CONF_STRING,
     .offset = CA(preferred_chain),
     .max = 256,
     .help = "Instead of the preferred-chain of all."},
    {.key = "ca-file",
     .type = CONF_STRING,
     .offset = CA(ca_file),
     .max = LIMIT_PATH,
     .check = server_conf_value_file,
     .help = "PEM file with more CAs to trust for this CA's HTTPS, instead of acme-ca-file."},
    {.key = "challenge",
     .type = CONF_WORD,
     .offset = CA(challenge),
     .fallback = "dns-01",
     .words = challenges,
     .help =
         "How names are proven. dns-account-01 and dns-persist-01 only where the CA offers them."},
    {.key = "caa",
     .type = CONF_STRINGS,
     .offset = CA(caa),
     .separator = ' ',
     .check = server_conf_value_zone_name,
     .help = "Names by which CAA records permit this CA; by default those of its directory."},
    {.key = "limit-orders",
     .type = CONF_INT,
     .offset = CA(limit_orders),
     .fallback = "-1",
     .min = -1,
     .max = 1000000,
     .unit = "orders",
     .help = "New orders in 3 hours; -1 is what is known of the CA, 0 is no limit."},
    {.key = "limit-domain",
     .type = CONF_INT,
     .offset = CA(limit_domain),
     .fallback = "-1",
     .min = -1,
     .max = 1000000,
     .unit = "certificates",
     .help = "Certificates for a registered domain in 7 days; likewise."},
    {.key = "limit-exact",
     .type = CONF_INT,
     .offset = CA(limit_exact),
     .fallback = "-1",
     .min = -1,
     .max = 1000000,
     .unit = "certificates",
     .help = "Certificates for exactly the same names in 7 days; likewise."},
    {.key = "limit-failures",
     .type = CONF_INT,
     .offset = CA(limit_failures),
     .fallback = "-1",
     .min = -1,
     .max = 1000000,
     .unit = "failures",
     .help = "Failed authorizations of a name in an hour; likewise."},
};

const struct conf_schema server_conf_authority_schema = {
    .program = "certmilld",
    .env_prefix = "CERTMILLD",
    .options = authority_options,
    .count = sizeof(authority_options) / sizeof(authority_options[0]),
    .size = sizeof(struct server_conf_authority),
    .check = check_authority,
};

/* -- prefer -- */

#define PREFER(field) offsetof(struct server_conf_prefer, field)

static const struct conf_option prefer_options[] = {
    {.key = "names",
     .type = CONF_STRINGS,
     .offset = PREFER(names),
     .separator = ' ',
     .check = server_conf_value_pattern,
     .help = "Patterns of names that this row is for: all names of the order have to fit. "
             "*.example.org is every name below example.org; any name where it is not given."},
    {.key = "clients",
     .type = CONF_STRINGS,
     .offset = PREFER(clients),
     .separator = ' ',
     .check = server_conf_value_word,
     .help = "Clients that this row is for; any where it is not given."},
    {.key = "authorities",
     .type = CONF_STRINGS,
     .offset = PREFER(authorities),
     .separator = ' ',
     .check = server_conf_value_word,
     .help = "Names of authorities, the most wanted first."},
};

const struct conf_schema server_conf_prefer_schema = {
    .program = "certmilld",
    .env_prefix = "CERTMILLD",
    .options = prefer_options,
    .count = sizeof(prefer_options) / sizeof(prefer_options[0]),
    .size = sizeof(struct server_conf_prefer),
};

/* -- clients -- */

static int check_client(void *row, struct err *err)
{
    return needs_name(((const struct server_conf_client *)row)->name, "client", err);
}

#define CLIENT(field) offsetof(struct server_conf_client, field)

static const struct conf_option client_options[] = {
    {.key = "name",
     .type = CONF_STRING,
     .offset = CLIENT(name),
     .max = 64,
     .check = server_conf_value_word,
     .help = "Name of the client, as its forced command gives it by --client."},
    {.key = "names",
     .type = CONF_STRINGS,
     .offset = CLIENT(names),
     .check = server_conf_value_set,
     .help = "Sets of names that it may have, each divided by commas; a certificate's names have "
             "to be within one. A wildcard has to be named."},
    {.key = "patterns",
     .type = CONF_STRINGS,
     .offset = CLIENT(patterns),
     .separator = ' ',
     .check = server_conf_value_pattern,
     .help = "What it may have besides: *.example.org is every name below example.org, wildcards "
             "included, and not example.org itself."},
    {.key = "key-types",
     .type = CONF_STRINGS,
     .offset = CLIENT(key_types),
     .separator = ' ',
     .check = server_conf_value_key_type,
     .help = "Kinds of key that its certificates may have; any where it is not given."},
    {.key = "max-names",
     .type = CONF_INT,
     .offset = CLIENT(max_names),
     .fallback = "100",
     .min = 1,
     .max = LIMIT_NAMES,
     .unit = "names",
     .help = "Names in one of its certificates."},
    {.key = "profiles",
     .type = CONF_STRINGS,
     .offset = CLIENT(profiles),
     .separator = ' ',
     .check = server_conf_value_word,
     .help = "Profiles that it may ask for."},
    {.key = "profile",
     .type = CONF_STRING,
     .offset = CLIENT(profile),
     .max = 64,
     .check = server_conf_value_word,
     .help = "Profile of its certificates where it asks for none."},
    {.key = "authorities",
     .type = CONF_STRINGS,
     .offset = CLIENT(authorities),
     .separator = ' ',
     .check = server_conf_value_word,
     .help = "Authorities that it may ask for; any where it is not given."},
    {.key = "authority",
     .type = CONF_STRING,
     .offset = CLIENT(authority),
     .max = 64,
     .check = server_conf_value_word,
     .help = "Authority of its certificates where it asks for none."},
    {.key = "requests-per-day",
     .type = CONF_INT,
     .offset = CLIENT(requests_per_day),
     .fallback = "0",
     .min = 0,
     .max = 1000000,
     .unit = "requests",
     .help = "Orders that it may cause in 24 hours; 0 is no limit."},
    {.key = "public-keys",
     .type = CONF_STRINGS,
     .offset = CLIENT(public_keys),
     .max = 16384,
     .check = server_conf_value_public_key,
     .help = "Its ssh public keys, for `certmillctl authorized-keys`."},
};

const struct conf_schema server_conf_client_schema = {
    .program = "certmilld",
    .env_prefix = "CERTMILLD",
    .options = client_options,
    .count = sizeof(client_options) / sizeof(client_options[0]),
    .size = sizeof(struct server_conf_client),
    .check = check_client,
};

/* -- across -- */

static const struct server_conf_authority *authority_at(const struct server_conf *conf, size_t i)
{
    return (const struct server_conf_authority *)conf->authorities.rows + i;
}

static const struct server_conf_client *client_at(const struct server_conf *conf, size_t i)
{
    return (const struct server_conf_client *)conf->clients.rows + i;
}

static int compare_clients(const void *a, const void *b)
{
    return strcmp(((const struct server_conf_client *)a)->name,
                  ((const struct server_conf_client *)b)->name);
}

const struct server_conf_client *server_conf_client_find(const struct server_conf *conf,
                                                         const char *name)
{
    const struct server_conf_client key = {.name = (char *)name};

    return conf->clients.count > 0
               ? bsearch(&key, conf->clients.rows, conf->clients.count, sizeof key, compare_clients)
               : NULL;
}

static const char *directory_of(const struct server_conf_authority *a)
{
    if (a->directory != NULL) {
        return a->directory;
    }
    return strcmp(a->name, "letsencrypt") == 0 ? SERVER_CONF_LETSENCRYPT
                                               : SERVER_CONF_LETSENCRYPT_STAGING;
}

static int check_unique(const struct server_conf *conf, struct err *err)
{
    for (size_t i = 0; i < conf->authorities.count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct server_conf_authority *a = authority_at(conf, i),
                                               *b = authority_at(conf, j);

            if (strcmp(a->name, b->name) == 0 || strcmp(directory_of(a), directory_of(b)) == 0) {
                return err_set(
                    err, ERR_EXISTS,
                    "authorities %s and %s have the same name or directory; there is one "
                    "account a CA, so remove one of the two",
                    b->name, a->name);
            }
        }
    }
    return 0;
}

static bool is_authority(const struct server_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->authorities.count; i++) {
        if (strcmp(authority_at(conf, i)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int known(const struct server_conf *conf, const char *name, const char *where,
                 struct err *err)
{
    return is_authority(conf, name) || is_built_in(name)
               ? 0
               : err_set(err, ERR_UNKNOWN,
                         "%s names the authority %s, which authorities does not have", where, name);
}

static int check_prefer(const struct server_conf *conf, struct err *err)
{
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < conf->prefer.count; i++) {
        const struct server_conf_prefer *p =
            (const struct server_conf_prefer *)conf->prefer.rows + i;

        if (p->authorities.count == 0) {
            return err_set(err, ERR_NOT_FOUND, "row %zu of prefer names no authorities", i + 1);
        }
        for (size_t j = 0; ret == 0 && j < p->authorities.count; j++) {
            ret = known(conf, p->authorities.items[j], "prefer", err);
        }
    }
    return ret;
}

static int check_clients(const struct server_conf *conf, struct err *err)
{
    struct server_conf_keys keys;
    int ret = 0;

    if (conf->clients.count > 0) {
        qsort(conf->clients.rows, conf->clients.count, sizeof(struct server_conf_client),
              compare_clients);
    }
    for (size_t i = 0; ret == 0 && i < conf->clients.count; i++) {
        const struct server_conf_client *c = client_at(conf, i);

        if (i > 0 && compare_clients(c - 1, c) == 0) {
            return err_set(err, ERR_EXISTS,
                           "clients has %s twice; remove one of the two, or give it another name",
                           c->name);
        }
        if (c->authority != NULL) {
            ret = known(conf, c->authority, c->name, err);
        }
        for (size_t j = 0; ret == 0 && j < c->authorities.count; j++) {
            ret = known(conf, c->authorities.items[j], c->name, err);
        }
    }
    if (ret == 0 && (ret = server_conf_keys_read(&keys, conf, err)) == 0) {
        server_conf_keys_clear(&keys);
    }
    return ret;
}

int server_conf_check_ca(struct server_conf *conf, struct err *err)
{
    int ret;

    if (conf->authorities.count > LIMIT_AUTHORITIES) {
        return err_set(err, ERR_LIMIT, "there are %zu authorities; at most %d are possible",
                       conf->authorities.count, LIMIT_AUTHORITIES);
    }
    if ((ret = check_unique(conf, err)) < 0 || (ret = check_prefer(conf, err)) < 0) {
        return ret;
    }
    return check_clients(conf, err);
}

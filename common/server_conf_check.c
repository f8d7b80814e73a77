#include "common/server_conf_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf_internal.h"
#include "common/domainset.h"
#include "common/limits.h"
#include "common/server_conf_ca.h"

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory while reading the configuration");
}

static struct server_conf_zone *zone_at(const struct server_conf *conf, size_t i)
{
    return (struct server_conf_zone *)conf->zones.rows + i;
}

/* Replaces a name by its normal form. */
static int normalize(char **name, struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1], *copy;
    int ret;

    if ((ret = domain_normalize_owner(normal, *name, err)) < 0) {
        return ret;
    }
    if ((copy = strdup(normal)) == NULL) {
        return out_of_memory(err);
    }
    free(*name);
    *name = copy;
    return 0;
}

static bool is_within(const char *name, const char *apex)
{
    size_t n = strlen(name), a = strlen(apex);

    return n >= a && strcmp(name + (n - a), apex) == 0 && (n == a || name[n - a - 1] == '.');
}

/* The host's name as a nameserver of the zone, or NULL where it cannot be one. */
static const char *own_name(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *host,
                            const char *apex)
{
    if (domain_normalize(dst, host, NULL) < 0 || strchr(dst, '.') == NULL ||
        strncmp(dst, "localhost.", strlen("localhost.")) == 0 || is_within(dst, apex)) {
        return NULL;
    }
    return dst;
}

/* fallback: what to take where the host's name will not do, or NULL. */
static int default_nameserver(struct server_conf_zone *zone, const char *host, const char *fallback,
                              struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];
    const char *name = own_name(normal, host, zone->name);

    name = name != NULL ? name : fallback;
    if (name == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "zone %s has neither nameservers nor a file, and this host's name (%.64s) "
                       "cannot stand in because it is not fully qualified or within the zone; add "
                       "to the zone: nameservers: [NAME]",
                       zone->name, host);
    }
    return conf_strings_add(&zone->nameservers, name) < 0 ? out_of_memory(err) : 0;
}

static int check_zone(const struct server_conf *conf, size_t i, const char *host, struct err *err)
{
    struct server_conf_zone *zone = zone_at(conf, i);
    int ret;

    if ((ret = normalize(&zone->name, err)) < 0) {
        return ret;
    }
    for (size_t j = 0; j < i; j++) {
        if (strcmp(zone_at(conf, j)->name, zone->name) == 0) {
            return err_set(err, ERR_EXISTS, "zone %s is listed twice; remove one of the two",
                           zone->name);
        }
    }
    for (size_t j = 0; j < zone->nameservers.count; j++) {
        if ((ret = normalize(&zone->nameservers.items[j], err)) < 0) {
            return ret;
        }
        if (zone->file == NULL && is_within(zone->nameservers.items[j], zone->name)) {
            return err_set(err, ERR_POLICY,
                           "zone %s: the nameserver %s is within the zone, so that it needs "
                           "addresses; write both into a zone file, and name it by the key 'file'",
                           zone->name, zone->nameservers.items[j]);
        }
    }
    if (zone->nameservers.count == 0 && zone->file == NULL) {
        return default_nameserver(zone, host, NULL, err);
    }
    return 0;
}

/* acme-zone as a row, unless zones has it. */
static int add_acme_zone(struct server_conf *conf, const char *host, struct err *err)
{
    struct server_conf_zone *zone;
    int ret;

    if (conf->acme_zone == NULL) {
        return 0;
    }
    if ((ret = normalize(&conf->acme_zone, err)) < 0) {
        return ret;
    }
    for (size_t i = 0; i < conf->zones.count; i++) {
        if (strcmp(zone_at(conf, i)->name, conf->acme_zone) == 0) {
            return 0;
        }
    }
    if ((zone = conf_table_add(server_conf_zone_schema(), &conf->zones)) == NULL ||
        (zone->name = strdup(conf->acme_zone)) == NULL) {
        return out_of_memory(err);
    }
    return default_nameserver(zone, host, "localhost", err);
}

static int check_zones(struct server_conf *conf, const char *host, struct err *err)
{
    int ret;

    for (size_t i = 0; i < conf->zones.count; i++) {
        if ((ret = check_zone(conf, i, host, err)) < 0) {
            return ret;
        }
    }
    if ((ret = add_acme_zone(conf, host, err)) < 0) {
        return ret;
    }
    if (conf->zones.count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "no zone is configured; set 'acme-zone' (acme-zone: acme.example.com) or "
                       "list 'zones'");
    }
    if (conf->zones.count > LIMIT_DNS_ZONES) {
        return err_set(err, ERR_LIMIT, "there are %zu zones; at most %d are possible",
                       conf->zones.count, LIMIT_DNS_ZONES);
    }
    return 0;
}

static int check_listen(const struct server_conf *conf, struct err *err)
{
    const struct conf_strings *listen = &conf->dns_listen;

    if (listen->count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "dns-listen is empty; give at least one address, such as 0.0.0.0:53");
    }
    if (listen->count > LIMIT_DNS_LISTEN) {
        return err_set(err, ERR_LIMIT, "dns-listen has %zu addresses; at most %d are possible",
                       listen->count, LIMIT_DNS_LISTEN);
    }
    for (size_t i = 0; i < listen->count; i++) {
        const char *port = strrchr(listen->items[i], ':');
        if (strtol(port + 1, NULL, 10) == 0) {
            continue; /* each gets a port of its own */
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(listen->items[i], listen->items[j]) == 0) {
                return err_set(err, ERR_EXISTS, "dns-listen has %s twice; remove one of the two",
                               listen->items[i]);
            }
        }
    }
    return 0;
}

static int check_rate(const struct server_conf *conf, struct err *err)
{
    if (conf->dns_rate_allow.count > LIMIT_RATE_ALLOW) {
        return err_set(err, ERR_LIMIT, "dns-rate-allow has %zu blocks; at most %d are possible",
                       conf->dns_rate_allow.count, LIMIT_RATE_ALLOW);
    }
    return 0;
}

bool server_conf_notifies(const struct server_conf *conf)
{
    return conf->notify_program != NULL || conf->notify_email.count > 0;
}

/* Processes of one user could reach what is the other's (docs/threat-model.md). */
static int check_users(const struct server_conf *conf, struct err *err)
{
    const struct {
        const char *key, *user;
    } users[] = {
        {"user", conf->user},
        {"dns-user", conf->dns_user},
        {"signer-user", conf->signer_user},
        {"notify-user", conf->notify_user},
    };
    const size_t count = sizeof(users) / sizeof(users[0]) - !server_conf_notifies(conf);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(users[i].user, users[j].user) == 0) {
                return err_set(err, ERR_EXISTS,
                               "%s and %s are both %s; name a user of its own for each process, "
                               "so that none can reach what is another's",
                               users[j].key, users[i].key, users[i].user);
            }
        }
    }
    return 0;
}

static int check_staging(struct server_conf *conf, struct err *err)
{
    char *url;

    if (!conf->staging || strcmp(conf->acme_server_url, SERVER_CONF_LETSENCRYPT_STAGING) == 0) {
        return 0;
    }
    if (strcmp(conf->acme_server_url, SERVER_CONF_LETSENCRYPT) != 0) {
        return err_set(err, ERR_POLICY,
                       "staging and acme-server-url (%.256s) contradict each other; remove one "
                       "of the two",
                       conf->acme_server_url);
    }
    if ((url = strdup(SERVER_CONF_LETSENCRYPT_STAGING)) == NULL) {
        return out_of_memory(err);
    }
    free(conf->acme_server_url);
    conf->acme_server_url = url;
    return 0;
}

int server_conf_check_as(struct server_conf *conf, const char *host, struct err *err)
{
    int ret;

    if ((ret = check_listen(conf, err)) < 0 || (ret = check_zones(conf, host, err)) < 0 ||
        (ret = check_staging(conf, err)) < 0 || (ret = check_rate(conf, err)) < 0 ||
        (ret = check_users(conf, err)) < 0 || (ret = server_conf_check_ca(conf, err)) < 0) {
        return ret;
    }
    if (conf->syslog_socket != NULL && conf->syslog_facility == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "syslog-socket is set without syslog-facility; set that too, for example "
                       "to LOG_DAEMON");
    }
    return 0;
}

int server_conf_check(void *conf, struct err *err)
{
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) < 0) {
        host[0] = '\0';
    }
    return server_conf_check_as(conf, host, err);
}

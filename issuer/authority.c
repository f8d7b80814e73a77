#include "issuer/authority.h"

#include <stdio.h>
#include <string.h>

#include "issuer/policy.h"

/* Let's Encrypt's, as published in 2026; renewals by "replaces" (RFC 9773 5) do not count. */
static const struct authority_limits letsencrypt = {
    .orders = 300, .domain = 50, .exact = 5, .failures = 5, .letsencrypt = true};
static const struct authority_limits letsencrypt_staging = {
    .orders = 1500, .domain = 30000, .exact = 30000, .failures = 200, .letsencrypt = true};
static const struct authority_limits none;

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static const char *or_else(const char *value, const char *fallback)
{
    return value != NULL ? value : fallback;
}

/* -- reading -- */

static const struct authority_limits *known_limits(const char *directory)
{
    if (is(directory, SERVER_CONF_LETSENCRYPT)) {
        return &letsencrypt;
    }
    return is(directory, SERVER_CONF_LETSENCRYPT_STAGING) ? &letsencrypt_staging : &none;
}

static const char *built_in_name(const char *directory)
{
    if (is(directory, SERVER_CONF_LETSENCRYPT)) {
        return "letsencrypt";
    }
    return is(directory, SERVER_CONF_LETSENCRYPT_STAGING) ? "letsencrypt-staging" : directory;
}

static enum order_challenge challenge_of(const char *word)
{
    if (word != NULL && is(word, "dns-account-01")) {
        return ORDER_DNS_ACCOUNT_01;
    }
    return word != NULL && is(word, "dns-persist-01") ? ORDER_DNS_PERSIST_01 : ORDER_DNS_01;
}

/* A CA by its URL alone. */
static struct authority plain(const struct server_conf *conf, const char *directory)
{
    return (struct authority){
        .name = built_in_name(directory),
        .directory = directory,
        .email = conf->acme_email,
        .key_type = conf->account_key_type,
        .eab_row = -1,
        .preferred_chain = conf->preferred_chain,
        .ca_file = conf->acme_ca_file,
        .skip_verify = conf->skip_acme_server_cert_verify,
        .limits = *known_limits(directory),
    };
}

static int64_t limit(int64_t set, int64_t known)
{
    return set < 0 ? known : set;
}

static struct authority from_row(const struct server_conf *conf, size_t i)
{
    const struct server_conf_authority *row =
        (const struct server_conf_authority *)conf->authorities.rows + i;
    const char *built_in =
        is(row->name, "letsencrypt") ? SERVER_CONF_LETSENCRYPT : SERVER_CONF_LETSENCRYPT_STAGING;
    struct authority a = plain(conf, or_else(row->directory, built_in));
    const struct authority_limits *known = known_limits(a.directory);

    a.name = row->name;
    a.email = or_else(row->email, a.email);
    a.key_type = or_else(row->key_type, a.key_type);
    if (row->eab_kid != NULL) {
        a.eab_kid = row->eab_kid;
        a.eab_algorithm = or_else(row->eab_algorithm, "HS256");
        a.eab_row = (int)i;
    }
    a.profile = row->profile;
    a.preferred_chain = or_else(row->preferred_chain, a.preferred_chain);
    a.ca_file = or_else(row->ca_file, a.ca_file);
    a.challenge = challenge_of(row->challenge);
    a.caa = &row->caa;
    a.limits = (struct authority_limits){
        .orders = limit(row->limit_orders, known->orders),
        .domain = limit(row->limit_domain, known->domain),
        .exact = limit(row->limit_exact, known->exact),
        .failures = limit(row->limit_failures, known->failures),
        .letsencrypt = known->letsencrypt,
    };
    return a;
}

const struct authority *authorities_find(const struct authorities *all, const char *name_or_url)
{
    for (size_t i = 0; i < all->count; i++) {
        if (is(all->list[i].name, name_or_url)) {
            return &all->list[i];
        }
    }
    for (size_t i = 0; i < all->count; i++) {
        if (is(all->list[i].directory, name_or_url)) {
            return &all->list[i];
        }
    }
    return NULL;
}

static const struct authority *by_url(const struct authorities *all, const char *directory)
{
    for (size_t i = 0; i < all->count; i++) {
        if (is(all->list[i].directory, directory)) {
            return &all->list[i];
        }
    }
    return NULL;
}

/* Who has said how to deal with Let's Encrypt means its staging system as well, but for the keys
 * of an external account, and for chains, which have other names there. */
static void add_letsencrypt(struct authorities *out, const struct server_conf *conf,
                            const char *directory)
{
    const struct authority *production = by_url(out, SERVER_CONF_LETSENCRYPT);
    struct authority a = plain(conf, directory);

    if (by_url(out, directory) != NULL) {
        return;
    }
    if (production != NULL) {
        a.email = production->email;
        a.key_type = production->key_type;
        a.profile = production->profile;
        a.ca_file = production->ca_file;
        a.challenge = production->challenge;
        a.caa = production->caa;
    }
    out->list[out->count++] = a;
}

void authorities_read(struct authorities *out, const struct server_conf *conf)
{
    const char *url = or_else(conf->acme_server_url, SERVER_CONF_LETSENCRYPT);

    out->count = 0;
    for (size_t i = 0; i < conf->authorities.count && i < LIMIT_AUTHORITIES; i++) {
        out->list[out->count++] = from_row(conf, i);
    }
    if (out->count == 0) {
        url = conf->staging && is(url, SERVER_CONF_LETSENCRYPT) ? SERVER_CONF_LETSENCRYPT_STAGING
                                                                : url;
        out->list[out->count++] = plain(conf, url);
    }
    out->configured = out->count;
    add_letsencrypt(out, conf, SERVER_CONF_LETSENCRYPT);
    add_letsencrypt(out, conf, SERVER_CONF_LETSENCRYPT_STAGING);
}

/* -- choosing -- */

struct choice {
    const struct authorities *all;
    const struct server_conf *conf;
    const struct authority_wish *wish;
    const struct server_conf_client *client; /* or NULL */
    const struct authority **chosen;
    int count;
};

static bool has(const struct conf_strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++) {
        if (is(strings->items[i], text)) {
            return true;
        }
    }
    return false;
}

static bool is_configured(const struct authorities *all, const struct authority *a)
{
    return (size_t)(a - all->list) < all->configured;
}

/* Whether the client's own rows name it; true where they name none. */
static bool client_may(const struct server_conf_client *client, const struct authority *a)
{
    return client == NULL || client->authorities.count == 0 || has(&client->authorities, a->name) ||
           (client->authority != NULL && is(client->authority, a->name));
}

static bool client_names(const struct server_conf_client *client, const struct authority *a)
{
    return client != NULL && (has(&client->authorities, a->name) ||
                              (client->authority != NULL && is(client->authority, a->name)));
}

static bool permitted(const struct choice *c, const struct authority *a)
{
    return client_names(c->client, a) || (is_configured(c->all, a) && client_may(c->client, a));
}

static bool may_ask(const struct choice *c, const struct authority *a)
{
    const struct authority *production = by_url(c->all, SERVER_CONF_LETSENCRYPT);

    return permitted(c, a) ||
           (is(a->directory, SERVER_CONF_LETSENCRYPT_STAGING) && permitted(c, production));
}

static void add(struct choice *c, const struct authority *a)
{
    bool staging = c->wish->staging || c->conf->staging;

    if (a != NULL && staging && is(a->directory, SERVER_CONF_LETSENCRYPT)) {
        a = by_url(c->all, SERVER_CONF_LETSENCRYPT_STAGING);
    }
    if (a == NULL || (c->wish->staging && !c->conf->staging &&
                      !is(a->directory, SERVER_CONF_LETSENCRYPT_STAGING))) {
        return;
    }
    for (int i = 0; i < c->count; i++) {
        if (c->chosen[i] == a) {
            return;
        }
    }
    if (c->count < LIMIT_AUTHORITIES) {
        c->chosen[c->count++] = a;
    }
}

static void add_permitted(struct choice *c, const struct authority *a)
{
    if (a != NULL && client_may(c->client, a)) {
        add(c, a);
    }
}

static bool fits(const struct server_conf_prefer *row, const struct authority_wish *wish)
{
    if (row->clients.count > 0 && (wish->client == NULL || !has(&row->clients, wish->client))) {
        return false;
    }
    for (size_t i = 0; row->names.count > 0 && i < wish->name_count; i++) {
        if (!policy_patterns(&row->names, wish->names[i])) {
            return false;
        }
    }
    return true;
}

static void add_preferred(struct choice *c)
{
    for (size_t i = 0; i < c->conf->prefer.count; i++) {
        const struct server_conf_prefer *row =
            (const struct server_conf_prefer *)c->conf->prefer.rows + i;

        if (fits(row, c->wish)) {
            for (size_t j = 0; j < row->authorities.count; j++) {
                add_permitted(c, authorities_find(c->all, row->authorities.items[j]));
            }
            return;
        }
    }
    for (size_t i = 0; i < c->all->configured; i++) {
        add_permitted(c, &c->all->list[i]);
    }
}

/* What the server orders from, as far as it fits. */
static const char *list(char *dst, size_t cap, const struct choice *c)
{
    size_t len = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < c->all->count && len < cap; i++) {
        const struct authority *a = &c->all->list[i];

        if (permitted(c, a)) {
            len += (size_t)snprintf(dst + len, cap - len, "%s%s", len > 0 ? ", " : "", a->name);
        }
    }
    return dst;
}

static int choose_asked(struct choice *c, struct err *err)
{
    const struct authority *a = authorities_find(c->all, c->wish->asked);
    char names[512];

    if (a == NULL || !may_ask(c, a)) {
        return err_set(err, ERR_POLICY, "%s does not order from %.200s; it orders from %s",
                       c->client != NULL ? "this client" : "this server", c->wish->asked,
                       list(names, sizeof names, c));
    }
    add(c, a);
    return 0;
}

static void choose_usual(struct choice *c)
{
    if (c->client != NULL && c->client->authority != NULL) {
        add(c, authorities_find(c->all, c->client->authority));
        return;
    }
    add_preferred(c);
    for (size_t i = 0; c->client != NULL && c->count == 0 && i < c->client->authorities.count;
         i++) {
        add(c, authorities_find(c->all, c->client->authorities.items[i]));
    }
}

int authorities_choose(const struct authorities *all, const struct server_conf *conf,
                       const struct authority_wish *wish,
                       const struct authority *chosen[static LIMIT_AUTHORITIES], struct err *err)
{
    struct choice c = {.all = all, .conf = conf, .wish = wish, .chosen = chosen};
    char names[512];
    int ret;

    if (wish->client != NULL && (c.client = server_conf_client_find(conf, wish->client)) == NULL) {
        return err_set(err, ERR_POLICY, "the client %.64s is not configured here", wish->client);
    }
    if (wish->asked == NULL) {
        choose_usual(&c);
    } else if ((ret = choose_asked(&c, err)) < 0) {
        return ret;
    }
    if (c.count == 0) {
        return err_set(err, ERR_POLICY,
                       "--staging is not for this server: it orders from %s, which is not known "
                       "to have a staging server",
                       list(names, sizeof names, &c));
    }
    return c.count;
}

#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/dns.h"
#include "client/service_connect.h"
#include "client/service_dane.h"
#include "client/service_files.h"
#include "client/term.h"

struct check {
    struct client *client;
    struct service service;
    struct service_addresses addresses;
    size_t address; /* the one that answered */
    struct service_dane dane;
    struct service_findings findings; /* of the present connection, or of none */
    X509_STORE *store;
    struct dns *dns; /* NULL: DNS cannot be asked */
    bool failed;     /* a problem so far */
    unsigned served; /* kinds of certificate, by enum service_wish */
};

static const char *const wish_names[] = {"rsa", "ecdsa", "other"};

/* -- telling -- */

static void print_finding(struct check *check, const struct service_finding *f, const char *type)
{
    static const enum term_shade shades[] = {
        [SERVICE_GOOD] = TERM_GREEN, [SERVICE_WARNING] = TERM_YELLOW, [SERVICE_PROBLEM] = TERM_RED};
    FILE *out = check->client->out;
    if (!check->client->settings.json) {
        fputs("  ", out);
        term_put(out, shades[f->grade], "%-8s", service_grade_name(f->grade));
        fprintf(out, " %-6s %s: %s\n", type != NULL ? type : "", f->check, f->text);
    }
    client_item(check->client,
                json_pack("{s:s,s:i,s:s,s:s?,s:s?,s:s,s:s,s:s}", "host", check->service.host,
                          "port", check->service.port, "name", check->service.name, "starttls",
                          starttls_name(check->service.starttls), "key_type", type, "check",
                          f->check, "grade", service_grade_name(f->grade), "text", f->text));
}

/* Tells what was found since, and forgets it. */
static void tell(struct check *check, const char *type)
{
    for (size_t i = 0; i < check->findings.count; i++) {
        print_finding(check, &check->findings.items[i], type);
    }
    check->failed = check->failed || service_grade(&check->findings) == SERVICE_PROBLEM;
    check->findings.count = 0;
}

/* -- DNS -- */

static int open_dns(struct check *check)
{
    const struct settings *s = &check->client->settings;
    struct dns_options options = {.name_server = s->name_server,
                                  .validate = s->validate,
                                  .trust_anchor = s->trust_anchor,
                                  .clock = check->client->clock};
    struct err err = {0};
    int ret = dns_new(&check->dns, &options, &err);
    if (ret < 0) {
        check->dns = NULL;
        service_say(&check->findings, SERVICE_PROBLEM, "tlsa", "DNS cannot be asked: %.300s",
                    err.text);
    }
    return ret;
}

static int look_up(struct check *check, struct err *err)
{
    int ret = 0;
    if (open_dns(check) == 0) {
        struct tlsa_asker asker = tlsa_asker_of(check->dns);
        ret = service_dane_look(&check->dane, &check->findings, &asker, &check->service, err);
    }
    tell(check, NULL);
    return ret;
}

/* -- a connection -- */

static void judge(struct check *check, const struct service_session *session)
{
    bool alias = check->dane.count > 0 && check->dane.found.alias;
    struct service_judge judge = {
        .served = &session->served,
        .name = alias ? check->dane.found.base : check->service.name,
        .also = alias ? check->service.name : NULL,
        .now = clock_wall_s(check->client->clock),
        .store = check->store,
        .dane = session->dane,
        .dane_ee = session->dane && session->matched.usage == TLSA_DANE_EE,
    };
    service_say(&check->findings, SERVICE_GOOD, "connection", "%s, %s, %s",
                check->addresses.items[check->address].text, session->version, session->cipher);
    service_judge_files(&check->findings, check->client, check->service.name, &session->served);
    service_judge_name(&check->findings, &judge);
    service_judge_dates(&check->findings, &judge);
    service_judge_chain(&check->findings, &judge);
    service_judge_trust(&check->findings, &judge);
    service_dane_judge(&check->findings, &check->dane, session);
}

static int try(struct check *check, enum service_wish wish, struct err *err)
{
    bool alias = check->dane.count > 0 && check->dane.found.alias;
    struct service_call call = {
        .service = &check->service,
        .address = &check->addresses.items[check->address],
        .wish = wish,
        .sni = alias ? check->dane.found.base : check->service.name,
        .also = alias ? check->service.name : NULL,
        .tlsa = check->dane.usable,
        .tlsa_count = check->dane.count,
        .clock = check->client->clock,
    };
    struct service_session session;
    int ret = service_connect(&session, &call, err);
    if (ret == 0) {
        const char *type = service_key_type(session.served.certs[0]);
        judge(check, &session);
        tell(check, type);
        check->served |= 1u << wish;
    }
    service_session_clear(&session);
    return ret;
}

/* The first connection, to the first address that answers. */
static int try_addresses(struct check *check, struct err *err)
{
    int ret = ERR_NOT_FOUND;
    for (size_t i = 0; i < check->addresses.count; i++) {
        check->address = i;
        ret = try(check, SERVICE_WISH_ECDSA, err);
        if (ret != ERR_UNAVAILABLE && ret != ERR_TIMEOUT) {
            return ret;
        }
        service_say(&check->findings,
                    i + 1 < check->addresses.count ? SERVICE_WARNING : SERVICE_PROBLEM,
                    "connection", "%s", err->text);
        tell(check, NULL);
    }
    return ret;
}

static void say_not_served(struct check *check, enum service_wish wish)
{
    const char *type = wish_names[wish];
    bool have = service_has_files(check->client, check->service.name, type);
    service_say(&check->findings, have ? SERVICE_WARNING : SERVICE_GOOD, "connection",
                have ? "no such certificate is served, although there is one on disk"
                     : "no such certificate is served");
    tell(check, type);
}

static void connect_all(struct check *check)
{
    struct err err = {0};
    int ret = try_addresses(check, &err);
    if (ret == ERR_UNAVAILABLE || ret == ERR_TIMEOUT) {
        return;
    }
    if (try(check, SERVICE_WISH_RSA, &err) < 0 && check->served == 0) {
        try(check, SERVICE_WISH_ANY, &err);
    }
    if (check->served == 0) {
        service_say(&check->findings, SERVICE_PROBLEM, "connection", "%.60s: %.300s",
                    check->addresses.items[check->address].text, err.text);
        tell(check, NULL);
        return;
    }
    for (enum service_wish wish = SERVICE_WISH_RSA; wish <= SERVICE_WISH_ECDSA; wish++) {
        if ((check->served & 1u << wish) == 0) {
            say_not_served(check, wish);
        }
    }
    service_dane_leftovers(&check->findings, &check->dane);
    tell(check, NULL);
}

/* -- the command -- */

static int read_words(struct check *check, struct err *err)
{
    const struct client *client = check->client;
    const char *name = client->arg_count > 1 ? client->args[1] : NULL;
    int ret = service_parse(&check->service, client->args[0], name, client->settings.starttls, err);
    if (ret == ERR_NOT_FOUND && name == NULL && client->sets.count == 1) {
        name = client->sets.items[0].names[0];
        ret = service_parse(&check->service, client->args[0], name, client->settings.starttls, err);
    }
    return ret;
}

static void begin(struct check *check)
{
    const struct service *s = &check->service;
    const char *starttls = starttls_name(s->starttls);
    if (!check->client->settings.json) {
        bool same = strcmp(s->host, s->name) == 0;
        fprintf(check->client->out, "%s port %u%s%s, TLS%s%s\n", s->name, s->port,
                same ? "" : " at ", same ? "" : s->host, starttls != NULL ? " by STARTTLS of " : "",
                starttls != NULL ? starttls : "");
    }
    if (!service_has_set(check->client, s->name)) {
        service_say(&check->findings, SERVICE_GOOD, "files",
                    "not compared: no set of domain-list with files here is for %.200s", s->name);
    }
}

static int run_check(struct check *check, struct err *err)
{
    const struct settings *s = &check->client->settings;
    begin(check);
    int ret = look_up(check, err);
    if (ret < 0) {
        return ret;
    }
    if (service_resolve(&check->addresses, &check->service,
                        s->name_server != NULL ? check->dns : NULL, err) < 0) {
        service_say(&check->findings, SERVICE_PROBLEM, "connection", "%.380s", err->text);
        tell(check, NULL);
        return 0;
    }
    connect_all(check);
    return 0;
}

static int run(struct client *client)
{
    struct check *check = calloc(1, sizeof(*check));
    struct err err = {0};
    int status = CLIENT_USAGE, ret;
    if (check == NULL || (check->store = X509_STORE_new()) == NULL ||
        X509_STORE_set_default_paths(check->store) != 1) {
        log_error(client->log, NULL, "out of memory");
        status = CLIENT_FAILED;
        goto out;
    }
    check->client = client;
    if (read_words(check, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        goto out;
    }
    if ((ret = run_check(check, &err)) < 0) {
        log_error(client->log, NULL, "%s", err.text);
    }
    status = ret < 0 || check->failed ? CLIENT_FAILED : CLIENT_OK;
    service_dane_clear(&check->dane);
    dns_free(check->dns);
out:
    if (check != NULL) {
        X509_STORE_free(check->store);
    }
    free(check);
    return status;
}

const struct client_command client_check_service = {
    .first = "check",
    .second = "service",
    .args = "HOST:PORT [NAME]",
    .args_min = 1,
    .args_max = 2,
    .help = "see whether a service serves the right certificate",
    .needs = CLIENT_MAY_NEED_PATH,
    .run = run,
};

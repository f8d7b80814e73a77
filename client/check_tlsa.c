/*
 * Looks up the TLSA records of each name of each set and judges them.
 *
 * Good (exit status 0) is where each key in use has all its records and the answer is not bogus. A
 * zone that is not signed, a record of an old key, and one of nobody here are warned of or told,
 * but do not fail: clients without DANE do not care, those with it are not hurt.
 *
 * What is printed is a zone file: records that are to be added are its lines, the rest is comments.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/tlsa_judge.h"
#include "client/tlsa_lookup.h"
#include "client/tlsa_print.h"
#include "client/tlsa_report.h"

struct check {
    struct client *client;
    struct tlsa_service service;
    struct tlsa_asker asker;
    struct tlsa_wish wish;
    unsigned unreadable;
    unsigned problems;
};

static int look(struct check *check, const struct tlsa_keys *keys, const char *name,
                struct err *err)
{
    struct client *client = check->client;
    struct tlsa_found found;
    struct tlsa_judgement judgement;
    int ret =
        tlsa_lookup(&found, &check->asker, check->service.port, check->service.protocol, name, err);
    if (ret == ERR_LIMIT || ret == ERR_MALFORMED) { /* a name that can have no such records */
        log_warning(client->log, NULL, "%s", err->text);
        *err = (struct err){0};
        ret = 0;
    } else if (ret == 0 &&
               (ret = tlsa_judge(&judgement, keys, &check->wish, &found.answer, err)) == 0) {
        struct tlsa_result result = {
            .name = name, .found = &found, .keys = keys, .judgement = &judgement};
        bool good = tlsa_report(client, &result);
        check->problems += !good;
        tlsa_judgement_clear(&judgement);
    }
    tlsa_found_clear(&found);
    return ret;
}

static void tell_wildcard(struct client *client, const char *name)
{
    log_info(client->log, NULL,
             "%s is not looked up: TLSA records are looked up under each host's own name (RFC 6698 "
             "A.2.1.3); check those with --domain-list",
             name);
}

static int check_set(struct check *check, const struct set *set, struct err *err)
{
    struct client *client = check->client;
    struct tlsa_keys keys;
    int ret = tlsa_keys_read(&keys, client, set, &check->unreadable);
    if (ret == 0) {
        ret = tlsa_keys_read_old(&keys, client, set);
    }
    if (ret < 0) {
        return err_set(err, ret, "out of memory");
    }
    for (size_t i = 0; i < client->type_count; i++) {
        if (tlsa_keys_find(&keys, TLSA_CURRENT, client->types[i]) == NULL) {
            log_error(client->log, NULL,
                      "%s %s: there is no key that records could be of: certmill get certificate "
                      "makes it",
                      set->names[0], key_type_name(client->types[i]));
            check->problems++;
        }
    }
    for (size_t i = 0; ret == 0 && i < set->count; i++) {
        if (tlsa_is_wildcard(set->names[i])) {
            tell_wildcard(client, set->names[i]);
        } else {
            ret = look(check, &keys, set->names[i], err);
        }
    }
    tlsa_keys_clear(&keys);
    return ret;
}

static int check_all(struct check *check, struct err *err)
{
    struct client *client = check->client;
    struct dns_options options = {.name_server = client->settings.name_server,
                                  .validate = client->settings.validate,
                                  .trust_anchor = client->settings.trust_anchor,
                                  .clock = client->clock};
    struct dns *dns;
    int ret = dns_new(&dns, &options, err);
    if (ret < 0) {
        return ret;
    }
    check->asker = tlsa_asker_of(dns);
    for (size_t i = 0; ret == 0 && i < client->sets.count; i++) {
        ret = check_set(check, &client->sets.items[i], err);
    }
    dns_free(dns);
    return ret;
}

static int run(struct client *client)
{
    struct check check = {.client = client};
    struct err err = {0};
    bool given;
    if (tlsa_service_of(&check.service, &given, client, true, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    check.wish.types = &client->settings.tlsa_type_list;
    check.wish.port = check.service.port;
    for (size_t i = 0; i < client->type_count; i++) {
        check.wish.wanted[client->types[i]] = true;
    }
    tlsa_print_cautions(client);
    if (check_all(&check, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_FAILED;
    }
    return check.problems == 0 && check.unreadable == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_check_tlsa = {
    .first = "check",
    .second = "tlsa",
    .args = "[PORT PROTO]",
    .args_max = 2,
    .help = "compare the keys with the TLSA records in DNS",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};

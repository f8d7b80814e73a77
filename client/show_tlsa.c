#include <errno.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/tlsa_keys.h"
#include "client/tlsa_print.h"

/* The keys in use and the staged ones: a zone that is made of what is shown loses no record in a
 * roll-over. */
static int show_set(struct client *client, const struct set *set, const struct tlsa_keys *keys,
                    const struct tlsa_service *service, struct err *err)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < client->type_count; i++) {
        const struct tlsa_key *key = tlsa_keys_find(keys, TLSA_CURRENT, client->types[i]);
        if (key == NULL) {
            tlsa_keys_tell_missing(client, set, client->types[i]);
            continue;
        }
        ret = tlsa_print(client, key, service, TLSA_PRINT_ALL, err);
        key = tlsa_keys_find(keys, TLSA_STAGED, client->types[i]);
        if (ret == 0 && key != NULL) {
            if (!client->settings.json) {
                fprintf(client->out, "; %s %s: of the staged key\n", set->names[0],
                        key_type_name(key->type));
            }
            ret = tlsa_print(client, key, service, TLSA_PRINT_OF_KEY, err);
        }
    }
    return ret;
}

static int run(struct client *client)
{
    struct tlsa_service service;
    struct err err = {0};
    unsigned unreadable = 0;
    bool given;
    int ret = tlsa_service_of(&service, &given, client, true, &err);
    if (ret < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    tlsa_print_cautions(client);
    for (size_t i = 0; ret == 0 && i < client->sets.count; i++) {
        struct tlsa_keys keys;
        ret = tlsa_keys_read(&keys, client, &client->sets.items[i], &unreadable);
        if (ret < 0) {
            err_set(&err, ret, "out of memory");
        } else {
            ret = show_set(client, &client->sets.items[i], &keys, &service, &err);
            tlsa_keys_clear(&keys);
        }
    }
    if (ret < 0) {
        log_error(client->log, NULL, "%s", err.text);
    }
    return ret == 0 && unreadable == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_show_tlsa = {
    .first = "show",
    .second = "tlsa",
    .args = "[PORT PROTO]",
    .args_max = 2,
    .help = "print TLSA records of the keys, as a zone file has them",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};

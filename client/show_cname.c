#include <errno.h>

#include "client/challenge.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/facts.h"
#include "client/names.h"

static int show_one(struct client *client, const char *name, const char *zone)
{
    struct challenge challenge;
    struct err err = {0};
    if (challenge_init(&challenge, name, zone, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return 1;
    }
    if (!client->settings.json) {
        fprintf(client->out, "%s. CNAME %s.\n", challenge.owner, challenge.record);
    }
    client_item(client, json_pack("{s:s,s:s,s:s}", "name", name, "owner", challenge.owner, "target",
                                  challenge.record));
    return 0;
}

static int run(struct client *client)
{
    char zone[LIMIT_DOMAIN_TEXT + 1];
    struct names names;
    struct err err = {0};
    int failures = 0;
    if (facts_zone(client, zone, &err) < 0 || (names_of_sets(&names, &client->sets, true) < 0 &&
                                               err_set(&err, -ENOMEM, "out of memory") < 0)) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_FAILED;
    }
    for (size_t i = 0; i < names.count; i++) {
        failures += show_one(client, names.items[i], zone);
    }
    names_clear(&names);
    return failures == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_show_cname = {
    .first = "show",
    .second = "cname",
    .help = "print the _acme-challenge records to publish, once",
    .needs = CLIENT_NEEDS_SETS,
    .run = run};

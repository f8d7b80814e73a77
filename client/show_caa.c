#include <errno.h>
#include <string.h>

#include "client/caa.h"
#include "client/client.h"
#include "client/commands.h"
#include "client/names.h"

/* 128: CAs that do not know the property refuse; certgrinder makes it so. */
#define FLAGS 128

static void show_one(struct client *client, const char *name, const char *value)
{
    const char *tag = strncmp(name, "*.", 2) == 0 ? "issuewild" : "issue";
    if (!client->settings.json) {
        fprintf(client->out, "%s. CAA %d %s \"%s\"\n", names_plain(name), FLAGS, tag, value);
    }
    client_item(client, json_pack("{s:s,s:s,s:i,s:s,s:s}", "name", name, "owner", names_plain(name),
                                  "flags", FLAGS, "tag", tag, "value", value));
}

static int show_all(struct client *client, struct err *err)
{
    struct facts_account account;
    struct names names;
    char value[CAA_VALUE];
    int ret = facts_account(client, &account, err);
    if (ret < 0) {
        return ret;
    }
    if (account.issuer_count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "the server does not say by which name its CA goes in CAA records, and the "
                       "account %.500s is not Let's Encrypt's: the operator of a certmill server "
                       "can set caa for that authority; the name stands in the CA's documentation",
                       account.url);
    }
    if ((ret = names_of_sets(&names, &client->sets, false)) < 0) {
        return err_set(err, ret, "out of memory");
    }
    caa_value_make(value, &account, &client->settings.caa_validation_methods);
    for (size_t i = 0; i < names.count; i++) {
        show_one(client, names.items[i], value);
    }
    names_clear(&names);
    return 0;
}

static int run(struct client *client)
{
    struct err err = {0};
    if (show_all(client, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_FAILED;
    }
    return CLIENT_OK;
}

const struct client_command client_show_caa = {
    .first = "show",
    .second = "caa",
    .help = "print CAA records that permit the server's account alone",
    .needs = CLIENT_NEEDS_SETS,
    .run = run};

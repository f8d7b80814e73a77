#include "client/client.h"
#include "client/commands.h"
#include "client/key_work.h"
#include "client/tlsa_judge.h"

static int stage(struct key_work *work, struct staged *staged, struct err *err)
{
    struct client *client = work->client;
    bool before = staged->there;
    int ret = staged_make(staged, err);
    if (ret == 0) {
        ret = rollover_watch(&staged->state, &work->service, err);
    }
    if (ret == 0) { /* what is there now, and for how long caches hold it */
        ret = staged_look(staged, &work->asker, err);
    }
    if (ret < 0) {
        return ret;
    }
    if (!client->settings.json) {
        fprintf(client->out,
                "; %s %s: %s. Add these records and leave those of the key in use; certmill key "
                "status shows when certmill key activate can follow:\n",
                staged->set->names[0], key_type_name(staged->files.type),
                before ? "a key is staged already" : "a new key is staged");
    }
    return key_work_print(work, staged, TLSA_PRINT_OF_KEY, err);
}

/* The next key takes the place of the one that is in use. */
static void resumed(struct key_work *work, const struct staged *staged)
{
    (void)work;
    (void)staged;
}

static int run(struct client *client)
{
    static const struct key_work_steps steps = {.makes = true, .each = stage, .resumed = resumed};
    const struct conf_strings *types = &client->settings.tlsa_type_list;
    struct tlsa_service service;
    struct err err = {0};
    bool any = false, given;
    for (size_t i = 0; i < types->count; i++) {
        any = any || tlsa_type_of_key(types->items[i]);
    }
    if (!any) {
        log_error(client->log, NULL,
                  "tlsa-type-list has no type that is of a key: records of a staged key need 310, "
                  "311 or 312, since it has no certificate yet");
        return CLIENT_USAGE;
    }
    if (tlsa_service_of(&service, &given, client, true, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    return key_work_run(client, &steps);
}

const struct client_command client_key_stage = {
    .first = "key",
    .second = "stage",
    .args = "[PORT PROTO]",
    .args_max = 2,
    .help = "make the next keys, and print the TLSA records to publish for them",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};

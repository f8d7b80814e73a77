#include "client/client.h"
#include "client/commands.h"
#include "client/key_work.h"
#include "client/tlsa_print.h"

static int forget(struct key_work *work, struct staged *staged, struct err *err)
{
    struct client *client = work->client;
    int ret = staged_abort(staged, err);
    if (ret < 0) {
        return ret;
    }
    if (!client->settings.json) {
        fprintf(client->out,
                "; %s %s: the staged key is gone. Its records, to be removed where they were "
                "published (certmill check tlsa shows them as stale as long as they are there):\n",
                staged->set->names[0], key_type_name(staged->files.type));
    }
    return key_work_print(work, staged, TLSA_PRINT_REMOVE, err);
}

static int run(struct client *client)
{
    static const struct key_work_steps steps = {.each = forget};
    return key_work_run(client, &steps);
}

const struct client_command client_key_abort = {.first = "key",
                                                .second = "abort",
                                                .help = "forget the staged keys",
                                                .needs = CLIENT_NEEDS_PATH,
                                                .run = run};

#include "client/commands.h"
#include "client/round.h"

static int run(struct client *client)
{
    return round_run(client, ROUND_ALL);
}

const struct client_command client_get_certificate = {
    .first = "get",
    .second = "certificate",
    .help = "a new certificate for each set of names and type of key",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};

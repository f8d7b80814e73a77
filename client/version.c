#include "client/client.h"
#include "client/commands.h"

static int run(struct client *client)
{
    fputs("certmill " CERTMILL_VERSION "\n", client->out);
    return CLIENT_OK;
}

const struct client_command client_version = {
    .first = "version", .help = "print the version", .run = run};

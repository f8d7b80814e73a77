#include "client/client.h"
#include "client/commands.h"

static int run(struct client *client)
{
    conf_print(&settings_schema, &client->settings, client->out);
    return CLIENT_OK;
}

const struct client_command client_show_configuration = {
    .first = "show", .second = "configuration", .help = "print the options in force", .run = run};

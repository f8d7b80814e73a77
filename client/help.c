#include "client/client.h"
#include "client/commands.h"

static int run(struct client *client)
{
    fputs("certmill [OPTIONS] COMMAND\n\nCommands:\n", client->out);
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        char words[64];
        snprintf(words, sizeof(words), "%s%s%s%s%s", c->first, c->second != NULL ? " " : "",
                 c->second != NULL ? c->second : "", c->args != NULL ? " " : "",
                 c->args != NULL ? c->args : "");
        fprintf(client->out, "  %-26s %s\n", words, c->help);
    }
    fputs(
        "\nOptions, which may also stand in the YAML file that --config-file names (without --),\n"
        "or in the environment (CERTMILL_DOMAIN_LIST and the like):\n",
        client->out);
    conf_help(&settings_schema, client->out);
    fputs("\nExit status: 0 done, 1 something is wrong, 2 wrong usage or configuration.\n",
          client->out);
    return CLIENT_OK;
}

const struct client_command client_help = {.first = "help", .help = "print this", .run = run};

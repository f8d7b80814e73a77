#include "client/client.h"
#include "client/commands.h"

static int show(struct client *client, const struct set *set, const struct files *files)
{
    fprintf(client->out, "%s %s\n", set->names[0], key_type_name(files->type));
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        char name[256];
        files_name(name, files, (enum file_kind)kind);
        fprintf(client->out, "  %-12s %s/%s\n", file_kind_name((enum file_kind)kind), files->path,
                name);
    }
    return 0;
}

static int run(struct client *client)
{
    client_each(client, show);
    return CLIENT_OK;
}

const struct client_command client_show_paths = {.first = "show",
                                                 .second = "paths",
                                                 .help = "print where keys and certificates are",
                                                 .needs = CLIENT_NEEDS_PATH,
                                                 .run = run};

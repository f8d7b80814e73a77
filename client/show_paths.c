#include "client/client.h"
#include "client/commands.h"

static int show(struct client *client, const struct set *set, const struct files *files)
{
    json_t *paths = json_object();
    if (!client->settings.json) {
        fprintf(client->out, "%s %s\n", set->names[0], key_type_name(files->type));
    }
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        const char *label = file_kind_name((enum file_kind)kind);
        char name[256];
        files_name(name, files, (enum file_kind)kind);
        if (!client->settings.json) {
            fprintf(client->out, "  %-12s %s/%s\n", label, files->path, name);
        }
        json_object_set_new(paths, label, json_sprintf("%s/%s", files->path, name));
    }
    client_item(client, json_pack("{s:s,s:s,s:o}", "set", set->names[0], "type",
                                  key_type_name(files->type), "files", paths));
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

#include <string.h>

#include "client/command.h"

const struct client_command *const client_commands[] = {
    &client_get_certificate,
    &client_check_connection,
    &client_show_certificate,
    &client_show_paths,
    &client_show_configuration,
    &client_help,
    &client_version,
    NULL,
};

int client_command_find(const struct client_command **command, char *const *words, size_t count,
                        struct err *err)
{
    bool first = false;
    if (count == 0) {
        return err_set(err, ERR_UNKNOWN, "no command: certmill help lists them");
    }
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        size_t wants = c->second == NULL ? 1 : 2;
        if (strcmp(c->first, words[0]) != 0) {
            continue;
        }
        first = true;
        if (count < wants || (c->second != NULL && strcmp(c->second, words[1]) != 0)) {
            continue;
        }
        if (count > wants) {
            return err_set(err, ERR_UNKNOWN, "'%.100s' is one word too many", words[wants]);
        }
        *command = c;
        return 0;
    }
    if (!first) {
        return err_set(err, ERR_UNKNOWN, "'%.100s' is no command: certmill help lists them",
                       words[0]);
    }
    if (count == 1) {
        return err_set(err, ERR_UNKNOWN, "%s needs a second word: certmill help lists them",
                       words[0]);
    }
    return err_set(err, ERR_UNKNOWN, "'%.100s' is not taken after %s: certmill help lists what is",
                   words[1], words[0]);
}

int client_each(struct client *client, int (*each)(struct client *client, const struct set *set,
                                                   const struct files *files))
{
    int failures = 0;
    for (size_t i = 0; i < client->sets.count; i++) {
        for (size_t j = 0; j < client->type_count; j++) {
            const struct set *set = &client->sets.items[i];
            struct files files = {.folder = client->folder,
                                  .path = client->settings.path,
                                  .name = set->name,
                                  .type = client->types[j]};
            failures += each(client, set, &files) != 0;
        }
    }
    return failures;
}

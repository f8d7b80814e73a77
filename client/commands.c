#include <stdlib.h>
#include <string.h>

#include "client/commands.h"

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

/* How many words of the command count words begin with: 0 for none. */
static size_t own_words(const struct client_command *c, char *const *words, size_t count)
{
    if (strcmp(c->first, words[0]) != 0) {
        return 0;
    }
    if (c->second == NULL) {
        return 1;
    }
    return count > 1 && strcmp(c->second, words[1]) == 0 ? 2 : 0;
}

static int refuse(char *const *words, size_t count, struct err *err)
{
    bool first = false;
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        first = first || strcmp(client_commands[i]->first, words[0]) == 0;
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

int client_command_find(const struct client_command **command, size_t *own, char *const *words,
                        size_t count, struct err *err)
{
    if (count == 0) {
        return err_set(err, ERR_UNKNOWN, "no command: certmill help lists them");
    }
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        size_t n = own_words(c, words, count);
        if (n == 0) {
            continue;
        }
        if (count > n + c->args_max) {
            return err_set(err, ERR_UNKNOWN, "'%.100s' is one word too many",
                           words[n + c->args_max]);
        }
        if (count < n + c->args_min) {
            return err_set(err, ERR_UNKNOWN, "%s%s%s needs %s after it", c->first, n > 1 ? " " : "",
                           n > 1 ? c->second : "", c->args);
        }
        *command = c;
        *own = n;
        return 0;
    }
    return refuse(words, count, err);
}

struct files client_files(const struct client *client, const struct set *set, enum key_type type)
{
    return (struct files){
        .folder = client->folder,
        .path = client->settings.path,
        .name = set->name,
        .type = type,
        .owner = client->owner,
        .form = {.rsa_bits = (unsigned)strtoul(client->settings.rsa_bits, NULL, 10),
                 .curve = client->settings.ecdsa_curve}};
}

int client_each(struct client *client, int (*each)(struct client *client, const struct set *set,
                                                   const struct files *files))
{
    int failures = 0;
    for (size_t i = 0; i < client->sets.count; i++) {
        for (size_t j = 0; j < client->type_count; j++) {
            const struct set *set = &client->sets.items[i];
            struct files files = client_files(client, set, client->types[j]);
            failures += each(client, set, &files) != 0;
        }
    }
    return failures;
}

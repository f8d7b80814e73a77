#include <stdlib.h>
#include <string.h>

#include "client/commands.h"
#include "common/nearest.h"

const struct client_command *const client_commands[] = {
    &client_get_certificate,
    &client_periodic,
    &client_renew,
    &client_check_certificate,
    &client_check_connection,
    &client_check_service,
    &client_show_certificate,
    &client_show_tlsa,
    &client_check_tlsa,
    &client_key_stage,
    &client_key_status,
    &client_key_activate,
    &client_key_abort,
    &client_show_spki,
    &client_show_ds,
    &client_show_paths,
    &client_show_configuration,
    &client_show_cname,
    &client_check_cname,
    &client_show_caa,
    &client_check_caa,
    &client_get_ocsp,
    &client_show_ocsp,
    &client_check_ocsp,
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

const struct client_command *client_command_begins(char *const *words, size_t count)
{
    for (size_t i = 0; count > 0 && client_commands[i] != NULL; i++) {
        if (own_words(client_commands[i], words, count) > 0) {
            return client_commands[i];
        }
    }
    return NULL;
}

static void join(char dst[static 64], const char *first, const char *second)
{
    snprintf(dst, 64, "%s%s%s", first, second != NULL ? " " : "", second != NULL ? second : "");
}

/* The command nearest to what was written, or NULL where none is near. */
static const struct client_command *nearest(char *const *words, size_t count)
{
    const struct client_command *best = NULL;
    char given[64], known[64];
    size_t least = SIZE_MAX;
    join(given, words[0], count > 1 ? words[1] : NULL);
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        /* A command of one word may have others behind it. */
        const char *text = c->second != NULL ? given : words[0];
        join(known, c->first, c->second);
        size_t d = nearest_distance(text, known);
        if (d < least && nearest_is_close(d, strlen(text))) {
            least = d;
            best = c;
        }
    }
    return best;
}

/* "certificate, paths and so on": what may follow a first word. */
static void list_seconds(char dst[static 256], const char *first)
{
    size_t at = 0;
    dst[0] = '\0';
    for (size_t i = 0; client_commands[i] != NULL && at < 256; i++) {
        const struct client_command *c = client_commands[i];
        if (strcmp(c->first, first) == 0 && c->second != NULL) {
            at += (size_t)snprintf(dst + at, 256 - at, "%s%s", at > 0 ? ", " : "", c->second);
        }
    }
}

/* The command whose words were written in the other order, or the second one cut short. */
static const struct client_command *meant(char *const *words, size_t count)
{
    const struct client_command *found = NULL;
    size_t hits = 0;
    for (size_t i = 0; count > 1 && client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        if (c->second == NULL) {
            continue;
        }
        if (strcmp(words[0], c->second) == 0 && strcmp(words[1], c->first) == 0) {
            return c;
        }
        if (strcmp(words[0], c->first) == 0 &&
            strncmp(words[1], c->second, strlen(words[1])) == 0) {
            found = c;
            hits++;
        }
    }
    return hits == 1 ? found : NULL;
}

static int refuse(char *const *words, size_t count, struct err *err)
{
    char seconds[256], known[64] = "";
    const struct client_command *near = meant(words, count);
    if (near == NULL) {
        near = nearest(words, count);
    }
    if (near != NULL) {
        join(known, near->first, near->second);
    }
    list_seconds(seconds, words[0]);
    if (seconds[0] != '\0' && count == 1) {
        return err_set(err, ERR_UNKNOWN, "%s needs a second word, one of %s", words[0], seconds);
    }
    if (near != NULL) {
        return err_set(err, ERR_UNKNOWN, "'%.100s%s%.100s' is no command; did you mean '%s'?",
                       words[0], count > 1 ? " " : "", count > 1 ? words[1] : "", known);
    }
    if (seconds[0] != '\0') {
        return err_set(err, ERR_UNKNOWN, "'%.100s' is not taken after %s, but %s", words[1],
                       words[0], seconds);
    }
    return err_set(err, ERR_UNKNOWN, "'%.100s' is no command: certmill help lists them", words[0]);
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
            const char *word = words[n + c->args_max];
            bool name = c->needs >= CLIENT_NEEDS_SETS && strchr(word, '.') != NULL;
            return err_set(err, ERR_UNKNOWN, "'%.100s' is one word too many%s", word,
                           name ? ": names stand in domain-list (-D)" : "");
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

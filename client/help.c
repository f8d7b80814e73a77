#include "client/help.h"

#include <string.h>

#include "client/client.h"
#include "client/commands.h"

/* Commands by their first word; what is in no row comes first. */
static const struct {
    const char *first, *title;
} groups[] = {
    {NULL, "Get and renew certificates"},
    {"check", "Look for what is wrong (exit status 1 where something is)"},
    {"show", "Print, and change nothing"},
    {"key", "Take a new key into use, with its TLSA records (DANE)"},
    {"help", "This program"},
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static size_t group_of(const struct client_command *c)
{
    const char *first = strcmp(c->first, "version") == 0 ? "help" : c->first;
    for (size_t i = 1; i < GROUPS; i++) {
        if (strcmp(groups[i].first, first) == 0) {
            return i;
        }
    }
    return 0;
}

static void usage(char dst[static 96], const struct client_command *c)
{
    snprintf(dst, 96, "%s%s%s%s%s", c->first, c->second != NULL ? " " : "",
             c->second != NULL ? c->second : "", c->args != NULL ? " " : "",
             c->args != NULL ? c->args : "");
}

static void print_group(size_t group, FILE *out)
{
    bool any = false;
    for (size_t i = 0; client_commands[i] != NULL; i++) {
        char words[96];
        if (group_of(client_commands[i]) != group) {
            continue;
        }
        if (!any) {
            fprintf(out, "\n%s:\n", groups[group].title);
        }
        any = true;
        usage(words, client_commands[i]);
        if (strlen(words) > 26) {
            fprintf(out, "  %s\n  %-26s %s\n", words, "", client_commands[i]->help);
        } else {
            fprintf(out, "  %-26s %s\n", words, client_commands[i]->help);
        }
    }
}

void help_all(FILE *out)
{
    fputs("certmill [OPTIONS] COMMAND\n", out);
    for (size_t i = 0; i < GROUPS; i++) {
        print_group(i, out);
    }
    fputs("\nOptions, which may also stand in the YAML file that --config-file names (without "
          "--),\n"
          "or in the environment (CERTMILL_DOMAIN_LIST and the like):\n",
          out);
    conf_help(&settings_schema, out);
    fputs("\nExit status: 0 done, 1 something is wrong, 2 wrong usage or configuration.\n", out);
}

void help_command(const struct client_command *command, FILE *out)
{
    static const char *const needs[] = {
        [CLIENT_NEEDS_NOTHING] = "",
        [CLIENT_MAY_NEED_PATH] = "It compares with the files where domain-list and path are set.\n",
        [CLIENT_NEEDS_SETS] = "It needs domain-list.\n",
        [CLIENT_NEEDS_PATH] = "It needs domain-list and path.\n",
    };
    char words[96];
    usage(words, command);
    fprintf(out, "certmill [OPTIONS] %s\n\n  %s\n\n%s", words, command->help,
            needs[command->needs]);
    if (strcmp(command->first, "show") == 0 || strcmp(command->first, "check") == 0 ||
        strcmp(command->first, "key") == 0) {
        fputs("With --json it prints what it finds for programs.\n", out);
    }
    fputs("Exit status: 0 done, 1 something is wrong, 2 wrong usage or configuration.\n"
          "certmill help lists all commands and options.\n",
          out);
}

static int run(struct client *client)
{
    size_t own;
    struct err err = {0};
    const struct client_command *command;
    if (client->arg_count == 0) {
        help_all(client->out);
        return CLIENT_OK;
    }
    if ((command = client_command_begins(client->args, client->arg_count)) == NULL) {
        client_command_find(&command, &own, client->args, client->arg_count, &err);
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    help_command(command, client->out);
    return CLIENT_OK;
}

const struct client_command client_help = {.first = "help",
                                           .args = "[COMMAND]",
                                           .args_max = 2,
                                           .help = "print this, or what a command does",
                                           .run = run};

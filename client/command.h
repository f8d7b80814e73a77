/*
 * The client's commands: one row each, one file each.
 */
#ifndef CERTMILL_CLIENT_COMMAND_H
#define CERTMILL_CLIENT_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "client/files.h"
#include "client/report.h"
#include "client/sets.h"
#include "client/settings.h"
#include "common/clock.h"
#include "common/err.h"

/* What all commands work with. */
struct client {
    struct settings settings;
    struct sets sets;
    enum key_type types[KEY_TYPES];
    size_t type_count;
    int folder; /* settings.path, where the command needs it; else -1 */
    struct log *log;
    struct report report;
    const struct clock *clock;
    FILE *out;
};

struct client_command {
    const char *first, *second; /* its words; second may be NULL */
    const char *help;
    bool needs_path;                   /* the folder, open, and at least one set */
    int (*run)(struct client *client); /* the exit status */
};

extern const struct client_command client_get_certificate, client_check_connection,
    client_show_certificate, client_show_paths, client_show_configuration, client_help,
    client_version;

/* All of them, in the order of help; NULL-terminated. */
extern const struct client_command *const client_commands[];

/* The command that count words make. ERR_UNKNOWN names the word that is none. */
int client_command_find(const struct client_command **command, char *const *words, size_t count,
                        struct err *err);

/* Calls each for every set and type of key. Returns how many calls did not return 0. */
int client_each(struct client *client, int (*each)(struct client *client, const struct set *set,
                                                   const struct files *files));

#endif

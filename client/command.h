/*
 * The client's commands: one row each, one file each.
 */
#ifndef CERTMILL_CLIENT_COMMAND_H
#define CERTMILL_CLIENT_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "client/files.h"
#include "client/report.h"
#include "client/sets.h"
#include "client/settings.h"
#include "common/clock.h"
#include "common/err.h"

struct server_session;

/* What all commands work with. */
struct client {
    struct settings settings;
    const struct client_command *command;
    char *const *args; /* the words behind the command's own */
    size_t arg_count;
    struct sets sets;
    enum key_type types[KEY_TYPES];
    size_t type_count;
    struct file_owner owner; /* what settings.owner, group and mode say */
    int folder;              /* settings.path, where the command needs it; else -1 */
    struct log *log;
    struct report report;
    struct server_session *session; /* for struct server_call */
    const struct clock *clock;
    bool configured; /* a configuration file was read */
    int stop; /* descriptor that is readable once we are to end (client/interrupt.h); 0: none */
    FILE *out;
    json_t *items; /* what --json prints: an array; see client_item */
};

enum client_needs {
    CLIENT_NEEDS_NOTHING,
    /* As the last one, where sets and folder are configured; else client.folder is -1. */
    CLIENT_MAY_NEED_PATH,
    CLIENT_NEEDS_SETS, /* at least one set, and types of key */
    CLIENT_NEEDS_PATH, /* these, and the folder, open */
};

struct client_command {
    const char *first, *second; /* its words; second may be NULL */
    const char *args;           /* for help: "[PORT PROTO]", or NULL */
    size_t args_min, args_max;  /* how many words may follow */
    const char *help;           /* a line */
    enum client_needs needs;
    int (*run)(struct client *client); /* the exit status */
};

/* All of them, in the order of help; NULL-terminated. Each is declared in commands.h, has a
 * file of its own, and puts itself there by one line. */
extern const struct client_command *const client_commands[];

/* The command that count words make, and how many of them are its own. ERR_UNKNOWN
 * names the word that is none, or that is missing, and the nearest command. */
int client_command_find(const struct client_command **command, size_t *own, char *const *words,
                        size_t count, struct err *err);

/* The command whose words these begin with, whatever follows; NULL where there is none. */
const struct client_command *client_command_begins(char *const *words, size_t count);

/* The files of a set and type of key. */
struct files client_files(const struct client *client, const struct set *set, enum key_type type);

/* Calls each for every set and type of key. Returns how many calls did not return 0. */
int client_each(struct client *client, int (*each)(struct client *client, const struct set *set,
                                                   const struct files *files));

/* With --json, one more member of "items" in
 *
 *   {"command":"check tlsa","good":false,"items":[...]}
 *
 * which client.c prints at the end ("good" being exit status 0); takes the reference over.
 * Without it, nothing but that the reference is dropped. A command prints for people to
 * client->out only where client->settings.json is false. Times in JSON are RFC 3339 in UTC.
 * NULL (out of memory in making it) makes the whole command fail. */
void client_item(struct client *client, json_t *item);

/* Text for that which may hold foreign octets: what is not UTF-8 becomes U+FFFD; NULL: null. */
json_t *client_text(const char *text);

#endif

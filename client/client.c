#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/copies.h"
#include "client/help.h"
#include "client/server_session.h"
#include "common/option.h"
#include "common/utf8.h"

/* Read where it is there and no other is named. */
#define CONFIG_FILE "/etc/certmill/certmill.yaml"

/* Without a log yet: where the configuration itself is wrong. */
static int fail(int status, const struct err *err)
{
    struct log *log = NULL;
    struct log_options options = {.program = "certmill", .level = LOG_LEVEL_INFO, .fd = 2};
    if (log_new(&log, &options, NULL) == 0) {
        log_error(log, NULL, "%s", err->text);
        log_free(log);
    }
    return status;
}

static int open_log(struct client *client, struct err *err)
{
    const struct settings *s = &client->settings;
    bool syslog = s->syslog_facility != NULL || s->syslog_socket != NULL;
    struct log_options options = {
        .program = "certmill",
        .level = settings_level(s),
        .syslog_facility = syslog && s->syslog_facility == NULL ? "LOG_DAEMON" : s->syslog_facility,
        .syslog_socket = s->syslog_socket,
        .fd = 2,
    };
    int ret = log_new(&client->log, &options, err);
    if (ret == 0) {
        report_init(&client->report, client->log, options.level, stderr, syslog);
    }
    return ret;
}

static int read_types(struct client *client, struct err *err)
{
    const struct conf_strings *list = &client->settings.key_type_list;
    bool seen[KEY_TYPES] = {false};
    for (size_t i = 0; i < list->count; i++) {
        enum key_type type;
        if (key_type_parse(list->items[i], &type) < 0) {
            return err_set(err, ERR_RANGE, "key-type-list: '%.100s' is no type of key",
                           list->items[i]);
        }
        if (!seen[type]) {
            client->types[client->type_count++] = type;
        }
        seen[type] = true;
    }
    if (client->type_count == 0) {
        return err_set(err, ERR_RANGE, "key-type-list is empty: rsa, ecdsa or both");
    }
    return 0;
}

/* Mostly the file is somewhere else than where it is looked for. */
static const char *where(const struct client *client)
{
    return client->configured
               ? ""
               : "; no configuration file was read: name it by --config-file, or put "
                 "it at " CONFIG_FILE;
}

/* What only commands for sets need. */
static int need_sets(struct client *client, struct err *err)
{
    int ret = read_types(client, err);
    if (ret == 0 && client->sets.count == 0) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "domain-list is not set: give at least one set of names, for example "
                      "domain-list: [\"www.example.org,example.org\"]%s",
                      where(client));
    }
    return ret;
}

static int open_path(struct client *client, struct err *err)
{
    const char *path = client->settings.path;
    if (path == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "path is not set: give the folder of keys and certificates, by path: in "
                       "the configuration file or --path%s",
                       where(client));
    }
    if ((client->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        int code = -errno;
        return err_set(err, code, "path: %s: %s%s", path, strerror(-code),
                       path[0] == '~' ? "; ~ means nothing here: give the whole path"
                       : code == -ENOENT
                           ? "; make it with mkdir -m 750, or correct path"
                           : "; it has to be a folder that certmill may read and write");
    }
    int ret = file_owner_find(&client->owner, client->settings.owner, client->settings.group,
                              client->settings.mode, err);
    return ret < 0 ? ret : copies_check(client, err);
}

static int prepare(struct client *client, struct err *err)
{
    const struct client_command *command = client->command;
    const struct settings *s = &client->settings;
    int ret =
        sets_parse(&client->sets, s->domain_list.items, s->domain_list.count, s->add_www, err);
    enum client_needs needs = command->needs;
    if (needs == CLIENT_MAY_NEED_PATH) {
        bool can = client->sets.count > 0 && client->settings.path != NULL;
        needs = can ? CLIENT_NEEDS_PATH : CLIENT_NEEDS_NOTHING;
    }
    if (ret == 0 && needs >= CLIENT_NEEDS_SETS) {
        ret = need_sets(client, err);
    }
    if (ret == 0 && needs >= CLIENT_NEEDS_PATH) {
        ret = open_path(client, err);
    }
    return ret;
}

void client_item(struct client *client, json_t *item)
{
    if (!client->settings.json) {
        json_decref(item);
    } else if (json_array_append_new(client->items, item) < 0) {
        json_decref(client->items);
        client->items = NULL;
    }
}

json_t *client_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t len = text != NULL ? strlen(text) : 0, used = 0;
    char *copy = text != NULL ? malloc(3 * len + 1) : NULL;
    uint32_t point;
    if (copy == NULL) {
        return text == NULL ? json_null() : NULL;
    }
    while (len > 0) {
        size_t n = utf8_decode(text, len, &point), step = n > 0 ? n : 1;
        memcpy(copy + used, n > 0 ? text : replacement, n > 0 ? n : 3);
        used += n > 0 ? n : 3;
        text += step;
        len -= step;
    }
    json_t *string = json_stringn(copy, used);
    free(copy);
    return string;
}

/* With --json, what was found; 0 or -ENOMEM. */
static int print_items(struct client *client, int status)
{
    const struct client_command *c = client->command;
    char words[64];
    snprintf(words, sizeof(words), "%s%s%s", c->first, c->second != NULL ? " " : "",
             c->second != NULL ? c->second : "");
    json_t *all = json_pack("{s:s,s:b,s:O}", "command", words, "good", status == CLIENT_OK, "items",
                            client->items);
    int ret = all == NULL || json_dumpf(all, client->out, JSON_INDENT(1)) < 0 ? -ENOMEM : 0;
    json_decref(all);
    fputc('\n', client->out);
    return ret;
}

/* Only what shows or checks has something to print as JSON. */
static bool prints_items(const struct client *client)
{
    const char *first = client->command->first;
    return client->settings.json &&
           (strcmp(first, "show") == 0 || strcmp(first, "check") == 0 || strcmp(first, "key") == 0);
}

static int run(struct client *client)
{
    struct err err = {0};
    if (open_log(client, &err) < 0) {
        return fail(CLIENT_USAGE, &err);
    }
    if (prepare(client, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    client->items = json_array();
    client->session = server_session_new(&client->settings);
    int status = client->command->run(client);
    if (prints_items(client) && print_items(client, status) < 0) {
        log_error(client->log, NULL, "out of memory");
        status = CLIENT_FAILED;
    }
    if (fflush(client->out) != 0 || ferror(client->out)) {
        log_error(client->log, NULL, "standard output: %s", strerror(errno));
        status = CLIENT_FAILED;
    }
    json_decref(client->items);
    return status;
}

/* --help, and --version: answered however broken the configuration is. */
static int answer(struct client *client, struct conf_input *input, int asks)
{
    for (int i = 0; asks == 'h' && i < input->argc; i++) {
        const struct client_command *command =
            client_command_begins(input->argv + i, (size_t)(input->argc - i));
        if (command != NULL) {
            help_command(command, client->out);
            return CLIENT_OK;
        }
    }
    client->command = asks == 'h' ? &client_help : &client_version;
    return client->command->run(client);
}

static int load_and_run(struct client *client, struct conf_input *input)
{
    struct err err = {0};
    int asks = option_asks(input->argc, input->argv);
    size_t own;
    if (asks != 0) {
        int status = answer(client, input, asks);
        if (fflush(client->out) != 0) {
            err_set(&err, -errno, "standard output: %s", err_string(-errno));
            status = fail(CLIENT_FAILED, &err);
        }
        return status;
    }
    if (conf_load(&settings_schema, &client->settings, input, &err) < 0 ||
        client_command_find(&client->command, &own, input->words, input->word_count, &err) < 0) {
        return fail(CLIENT_USAGE, &err);
    }
    client->configured = input->file_used != NULL;
    client->args = input->words + own;
    client->arg_count = input->word_count - own;
    return run(client);
}

int client_main(int argc, char **argv)
{
    struct client client = {.folder = -1, .clock = &clock_system, .out = stdout};
    struct conf_input input = {.argc = argc - 1, .argv = argv + 1, .envp = environ};
    int status = CLIENT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    if (access(CONFIG_FILE, F_OK) == 0) {
        input.file = CONFIG_FILE;
    }
    if ((input.words = calloc((size_t)argc + 1, sizeof(input.words[0]))) != NULL) {
        status = load_and_run(&client, &input);
    }
    if (client.folder >= 0) {
        close(client.folder);
    }
    server_session_free(client.session);
    report_clear(&client.report);
    log_free(client.log);
    sets_clear(&client.sets);
    conf_clear(&settings_schema, &client.settings);
    free(input.words);
    free(input.file_used);
    return status;
}

#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"

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

/* What only commands with files need. */
static int open_path(struct client *client, struct err *err)
{
    const char *path = client->settings.path;
    int ret = read_types(client, err);
    if (ret < 0) {
        return ret;
    }
    if (client->sets.count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "domain-list is not set: give at least one set of names, for example "
                       "domain-list: [\"www.example.org,example.org\"]");
    }
    if (path == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "path is not set: give the folder of keys and certificates");
    }
    if ((client->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return err_set(err, -errno, "path: %s: %s", path, strerror(errno));
    }
    return 0;
}

static int run(struct client *client, const struct client_command *command)
{
    struct err err = {0};
    if (open_log(client, &err) < 0) {
        return fail(CLIENT_USAGE, &err);
    }
    if (sets_parse(&client->sets, client->settings.domain_list.items,
                   client->settings.domain_list.count, &err) < 0 ||
        (command->needs_path && open_path(client, &err) < 0)) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    int status = command->run(client);
    if (fflush(client->out) != 0 || ferror(client->out)) {
        log_error(client->log, NULL, "standard output: %s", strerror(errno));
        return CLIENT_FAILED;
    }
    return status;
}

static int load_and_run(struct client *client, struct conf_input *input)
{
    const struct client_command *command;
    struct err err = {0};
    char *help[] = {(char[]){"help"}}, *version[] = {(char[]){"version"}};
    int asks = conf_asks(input->argc, input->argv);
    if (asks != 0) { /* answered however broken the configuration is */
        client_command_find(&command, asks == 'h' ? help : version, 1, NULL);
        return command->run(client);
    }
    if (conf_load(&settings_schema, &client->settings, input, &err) < 0 ||
        client_command_find(&command, input->words, input->word_count, &err) < 0) {
        return fail(CLIENT_USAGE, &err);
    }
    return run(client, command);
}

int client_main(int argc, char **argv)
{
    struct client client = {.folder = -1, .clock = &clock_system, .out = stdout};
    struct conf_input input = {.argc = argc - 1, .argv = argv + 1, .envp = environ};
    int status = CLIENT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    if ((input.words = calloc((size_t)argc + 1, sizeof(input.words[0]))) != NULL) {
        status = load_and_run(&client, &input);
    }
    if (client.folder >= 0) {
        close(client.folder);
    }
    log_free(client.log);
    sets_clear(&client.sets);
    conf_clear(&settings_schema, &client.settings);
    free(input.words);
    free(input.file_used);
    return status;
}

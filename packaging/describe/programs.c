#include <errno.h>
#include <string.h>

#include "client/command.h"
#include "common/server_conf.h"
#include "ctl/ctl.h"
#include "packaging/describe/describe.h"
#include "shell/request.h"
#include "shell/shell.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FLAG(name, letter, help)                                                                   \
    {                                                                                              \
        name, letter, NULL, OPTION_KEPT, 0, help                                                   \
    }

static const struct option_row daemon_options[] = {
    FLAG("--check-config", 0, "read the configuration and its files, say whether they are good"),
    FLAG("--help", 'h', "print the options"),
    FLAG("--version", 'V', "print the version"),
};

static const struct option_row client_options[] = {
    FLAG("--help", 'h', "print commands and options, or those of the command"),
    FLAG("--version", 'V', "print the version"),
};

static int add(struct describe_program *program, const char *first, const char *second,
               const char *args, const char *help)
{
    if (program->command_count == DESCRIBE_COMMANDS) {
        return -E2BIG;
    }
    struct describe_command *command = &program->commands[program->command_count++];
    *command =
        (struct describe_command){.first = first, .second = second, .args = args, .help = help};
    return 0;
}

int describe_fill(struct describe *d)
{
    *d = (struct describe){
        .programs = {{"certmill",
                      &settings_schema,
                      client_options,
                      COUNT(client_options),
                      NULL,
                      0,
                      {{0}},
                      0},
                     {"certmilld",
                      &server_conf_schema,
                      daemon_options,
                      COUNT(daemon_options),
                      NULL,
                      0,
                      {{0}},
                      0},
                     {"certmillctl", NULL, ctl_options, ctl_option_count, NULL, 0, {{0}}, 0},
                     {"certmill-shell",
                      NULL,
                      request_options,
                      request_option_count,
                      shell_options,
                      shell_option_count,
                      {{0}},
                      0}}};
    int ret = 0;
    for (size_t i = 0; ret == 0 && client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        ret = add(&d->programs[0], c->first, c->second, c->args, c->help);
    }
    for (size_t i = 0; ret == 0 && ctl_commands[i] != NULL; i++) {
        const struct ctl_command *c = ctl_commands[i];
        ret = add(&d->programs[2], c->name, NULL, c->arguments, c->help);
    }
    for (size_t i = 0; ret == 0 && i < request_op_count; i++) {
        const struct request_op *op = &request_ops[i];
        ret = add(&d->programs[3], op->first, op->second, op->names ? "NAME..." : NULL, op->help);
    }
    return ret;
}

const struct describe_program *describe_find(const struct describe *d, const char *name, size_t len)
{
    for (size_t i = 0; i < DESCRIBE_PROGRAMS; i++) {
        if (strlen(d->programs[i].name) == len && memcmp(d->programs[i].name, name, len) == 0) {
            return &d->programs[i];
        }
    }
    return NULL;
}

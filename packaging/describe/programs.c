#include <errno.h>
#include <string.h>

#include "client/command.h"
#include "common/conf.h"
#include "common/option.h"
#include "common/server_conf.h"
#include "ctl/ctl.h"
#include "packaging/describe/describe.h"
#include "shell/request.h"
#include "shell/shell.h"

static int add(struct describe_program *program, const struct describe_command *command)
{
    if (program->command_count == DESCRIBE_COMMANDS) {
        return -E2BIG;
    }
    program->commands[program->command_count++] = *command;
    return 0;
}

static int fill_client(struct describe_program *program)
{
    int ret = 0;
    *program = (struct describe_program){
        .name = "certmill",
        .schema = &settings_schema,
        .rows = {{conf_file_options, conf_file_count}, {option_asks_rows, option_asks_count}}};
    for (size_t i = 0; ret == 0 && client_commands[i] != NULL; i++) {
        const struct client_command *c = client_commands[i];
        ret = add(program, &(struct describe_command){c->first, c->second, c->args, NULL, c->help});
    }
    return ret;
}

static int fill_server(struct describe_program *program)
{
    *program = (struct describe_program){
        .name = "certmilld",
        .schema = &server_conf_schema,
        .rows = {{conf_file_options, conf_file_count},
                 {option_asks_rows, option_asks_count},
                 {server_conf_schema.others, server_conf_schema.other_count}}};
    return 0;
}

static int fill_ctl(struct describe_program *program)
{
    int ret = 0;
    *program = (struct describe_program){
        .name = "certmillctl",
        .rows = {{option_asks_rows, option_asks_count}, {ctl_options, ctl_option_count}}};
    for (size_t i = 0; ret == 0 && ctl_commands[i] != NULL; i++) {
        const struct ctl_command *c = ctl_commands[i];
        const struct option_row *option =
            c->option != NULL ? option_find(ctl_options, ctl_option_count, c->option) : NULL;
        ret =
            add(program, &(struct describe_command){c->name, NULL, c->arguments, option, c->help});
    }
    return ret;
}

static int fill_shell(struct describe_program *program)
{
    int ret = 0;
    *program = (struct describe_program){.name = "certmill-shell",
                                         .rows = {{shell_options, shell_option_count}},
                                         .asked = {request_options, request_option_count}};
    for (size_t i = 0; ret == 0 && i < request_op_count; i++) {
        const struct request_op *op = &request_ops[i];
        ret =
            add(program, &(struct describe_command){op->first, op->second,
                                                    op->names ? "NAME..." : NULL, NULL, op->help});
    }
    return ret;
}

int describe_fill(struct describe *d)
{
    static int (*const fill[DESCRIBE_PROGRAMS])(struct describe_program *) = {
        fill_client, fill_server, fill_ctl, fill_shell};
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < DESCRIBE_PROGRAMS; i++) {
        ret = fill[i](&d->programs[i]);
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

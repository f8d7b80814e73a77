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
    *d = (struct describe){0};
    d->programs[0] = (struct describe_program){.name = "certmill",
                                               .schema = &settings_schema,
                                               .more = option_asks_rows,
                                               .more_count = option_asks_count};
    d->programs[1] = (struct describe_program){.name = "certmilld",
                                               .schema = &server_conf_schema,
                                               .options = server_conf_wishes,
                                               .option_count = server_conf_wish_count,
                                               .more = option_asks_rows,
                                               .more_count = option_asks_count};
    d->programs[2] = (struct describe_program){.name = "certmillctl",
                                               .options = ctl_options,
                                               .option_count = ctl_option_count,
                                               .more = option_asks_rows,
                                               .more_count = option_asks_count};
    d->programs[3] = (struct describe_program){.name = "certmill-shell",
                                               .options = request_options,
                                               .option_count = request_option_count,
                                               .more = shell_options,
                                               .more_count = shell_option_count};
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

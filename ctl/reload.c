#include "ctl/command.h"

static int print(const json_t *data, FILE *out)
{
    (void)data;
    return fputs("reloaded\n", out) < 0 ? -1 : 0;
}

const struct ctl_command ctl_reload = {
    .name = "reload", .help = "read configuration and zone files again", .print = print};

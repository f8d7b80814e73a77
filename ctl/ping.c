#include "ctl/command.h"

static int print(const json_t *data, FILE *out)
{
    (void)data;
    return fputs("pong\n", out) < 0 ? -1 : 0;
}

const struct ctl_command ctl_ping = {
    .name = "ping", .help = "say whether certmilld is there", .print = print};

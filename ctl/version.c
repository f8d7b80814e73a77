#include "ctl/command.h"

static int print(FILE *out)
{
    return fputs("certmillctl " CERTMILL_VERSION "\n", out) < 0 ? -1 : 0;
}

const struct ctl_command ctl_version = {
    .name = "version", .help = "print the version", .local = print};

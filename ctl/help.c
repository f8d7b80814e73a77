#include "common/option.h"
#include "ctl/command.h"
#include "ctl/ctl.h"

static int print(FILE *out)
{
    fputs("certmillctl [--socket PATH | --run-dir FOLDER] [--json] COMMAND\n\n", out);
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const struct ctl_command *c = ctl_commands[i];
        char synopsis[64];
        snprintf(synopsis, sizeof(synopsis), "%s%s%s", c->name, c->arguments != NULL ? " " : "",
                 c->arguments != NULL ? c->arguments : "");
        fprintf(out, "  %-32s %s\n", synopsis, c->help);
    }
    fputc('\n', out);
    option_help(option_asks_rows, option_asks_count, out);
    option_help(ctl_options, ctl_option_count, out);
    fputs("\nExit status: 0 done, 1 certmilld refused, 2 wrong usage, 8 certmilld is not there.\n",
          out);
    return ferror(out) ? -1 : 0;
}

const struct ctl_command ctl_help = {.name = "help", .help = "print this", .local = print};

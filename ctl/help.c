#include <string.h>

#include "common/option.h"
#include "ctl/command.h"
#include "ctl/ctl.h"

#define WIDTH 32

static void print_command(const struct ctl_command *c, FILE *out)
{
    char words[128] = "", option[64] = "";
    if (c->option != NULL) {
        const struct option_row *row = option_find(ctl_options, ctl_option_count, c->option);
        option_list(row, 1, option, sizeof(option));
    }
    snprintf(words, sizeof(words), "%s%s%s%s%s%s", c->name, c->arguments != NULL ? " " : "",
             c->arguments != NULL ? c->arguments : "", c->option != NULL ? " [" : "", option,
             c->option != NULL ? "]" : "");
    if (strlen(words) > WIDTH) {
        fprintf(out, "  %s\n", words);
        words[0] = '\0';
    }
    fprintf(out, "  %-*s %s\n", WIDTH, words, c->help);
}

static int print(FILE *out)
{
    fputs("certmillctl [OPTIONS] COMMAND\n\n", out);
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        print_command(ctl_commands[i], out);
    }
    fputc('\n', out);
    option_help(option_asks_rows, option_asks_count, out);
    option_help(ctl_options, ctl_option_count, out);
    fputs("\nExit status: 0 done, 1 refused, or not all is as it should be, 2 wrong usage,\n"
          "8 certmilld is not there.\n",
          out);
    return ferror(out) ? -1 : 0;
}

const struct ctl_command ctl_help = {.name = "help", .help = "print this", .local = print};

#include "shell/usage.h"

#include <stdio.h>
#include <stdlib.h>

#include "shell/request.h"
#include "shell/shell.h"

static void print_ops(FILE *out)
{
    for (size_t i = 0; i < request_op_count; i++) {
        const struct request_op *op = &request_ops[i];
        char words[64];
        snprintf(words, sizeof(words), "%s%s", op->name, op->names ? " NAME..." : "");
        fprintf(out, "  %-24s %s\n", words, op->help);
    }
}

char *usage_text(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    fputs("certmill-shell " CERTMILL_VERSION ": certificates for those who may have them, over "
          "ssh.\n\n"
          "As the forced command of an ssh key (in authorized_keys):\n"
          "  certmill-shell [--socket PATH] [--domains SETS | --client NAME]\n\n",
          out);
    option_help(shell_options, shell_option_count, out);
    fputs("\nWhat a client may ask:\n", out);
    print_ops(out);
    fputs("\nWith these options:\n", out);
    option_help(request_options, request_option_count, out);
    fputs("\nExit status: 0 done, 1 failure of the server, 2 word not taken, 3 input not "
          "acceptable,\n"
          "4 not permitted, 5 refused by the CA, 6 CA not reachable, 7 interrupted (ask again),\n"
          "8 certmilld not there, 9 not before the time that the message says (a limit).\n",
          out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

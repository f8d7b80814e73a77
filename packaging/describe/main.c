#include <stdlib.h>
#include <string.h>

#include "packaging/describe/describe.h"

int main(int argc, char **argv)
{
    static struct describe d;
    const struct describe_program *program;
    if (describe_fill(&d) < 0) {
        fputs("certmill-describe: more commands than DESCRIBE_COMMANDS\n", stderr);
        return 1;
    }
    if (argc == 2 && strcmp(argv[1], "man") == 0) {
        return describe_man(&d, stdin, stdout) < 0 || fflush(stdout) != 0;
    }
    if (argc == 3 && (program = describe_find(&d, argv[2], strlen(argv[2]))) != NULL) {
        if (strcmp(argv[1], "bash") == 0) {
            describe_bash(program, stdout);
            return fflush(stdout) != 0;
        }
        if (strcmp(argv[1], "zsh") == 0) {
            describe_zsh(program, stdout);
            return fflush(stdout) != 0;
        }
    }
    fputs("usage: certmill-describe man <TEMPLATE | bash PROGRAM | zsh PROGRAM\n", stderr);
    return 2;
}

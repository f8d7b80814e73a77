#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packaging/describe/describe.h"

static int run(const struct describe *d, const char *what, const char *from, FILE *out)
{
    const struct describe_program *program = describe_find(d, from, strlen(from));
    if (strcmp(what, "man") == 0) {
        FILE *in = fopen(from, "r");
        if (in == NULL) {
            fprintf(stderr, "certmill-describe: %s: %s\n", from, strerror(errno));
            return -1;
        }
        int ret = describe_man(d, in, out);
        fclose(in);
        return ret;
    }
    if (program != NULL && strcmp(what, "bash") == 0) {
        describe_bash(program, out);
        return 0;
    }
    if (program != NULL && strcmp(what, "zsh") == 0) {
        describe_zsh(program, out);
        return 0;
    }
    fputs("usage: certmill-describe man TEMPLATE OUT | bash PROGRAM OUT | zsh PROGRAM OUT\n",
          stderr);
    return -1;
}

int main(int argc, char **argv)
{
    static struct describe d;
    FILE *out;
    if (describe_fill(&d) < 0) {
        fputs("certmill-describe: more commands than DESCRIBE_COMMANDS\n", stderr);
        return 1;
    }
    if (argc != 4 || (out = fopen(argv[3], "w")) == NULL) {
        fputs("certmill-describe: three words are needed, the last a file to be written\n", stderr);
        return 2;
    }
    int ret = run(&d, argv[1], argv[2], out);
    if (fclose(out) != 0 && ret == 0) {
        fprintf(stderr, "certmill-describe: %s: %s\n", argv[3], strerror(errno));
        ret = -1;
    }
    if (ret < 0) {
        remove(argv[3]);
    }
    return ret < 0;
}

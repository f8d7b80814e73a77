#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packaging/describe/describe.h"

static int make_man(const struct describe *d, const char *from, FILE *out)
{
    FILE *in = fopen(from, "r");
    if (in == NULL) {
        fprintf(stderr, "certmill-describe: %s: %s\n", from, strerror(errno));
        return -1;
    }
    int ret = describe_man(d, in, out);
    fclose(in);
    return ret;
}

static int make(const struct describe *d, const char *what, const char *from, FILE *out)
{
    const struct describe_program *program = describe_find(d, from, strlen(from));
    if (strcmp(what, "man") == 0) {
        return make_man(d, from, out);
    }
    if (program != NULL && strcmp(what, "bash") == 0) {
        describe_bash(program, out);
        return 0;
    }
    if (program != NULL && strcmp(what, "zsh") == 0) {
        describe_zsh(program, out);
        return 0;
    }
    fprintf(stderr, "certmill-describe: nothing can be made of '%s %s'\n", what, from);
    return -1;
}

int main(int argc, char **argv)
{
    static struct describe d;
    if (argc < 4 || argc > 5) {
        fputs("usage: certmill-describe man TEMPLATE OUT [EXAMPLE] | bash PROGRAM OUT | "
              "zsh PROGRAM OUT\n",
              stderr);
        return 2;
    }
    if (describe_fill(&d) < 0) {
        fputs("certmill-describe: more commands than DESCRIBE_COMMANDS\n", stderr);
        return 1;
    }
    if (argc == 5 && (d.example = fopen(argv[4], "r")) == NULL) {
        fprintf(stderr, "certmill-describe: %s: %s\n", argv[4], strerror(errno));
        return 1;
    }
    FILE *out = fopen(argv[3], "w");
    if (out == NULL) {
        fprintf(stderr, "certmill-describe: %s: %s\n", argv[3], strerror(errno));
        return 1;
    }
    int ret = make(&d, argv[1], argv[2], out);
    bool bad = ferror(out);
    if (fclose(out) != 0 || bad) {
        fprintf(stderr, "certmill-describe: %s could not be written\n", argv[3]);
        ret = -1;
    }
    if (ret < 0) {
        remove(argv[3]); /* rather none than half of it, for make would think it done */
    }
    return ret < 0;
}

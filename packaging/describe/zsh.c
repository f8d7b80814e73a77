#include <string.h>

#include "packaging/describe/describe.h"

/* Text within single quotes; with those characters escaped by a backslash. */
static void put_quoted(const char *text, const char *escaped, FILE *out)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\'') {
            fputs("'\\''", out);
            continue;
        }
        if (strchr(escaped, *p) != NULL) {
            putc('\\', out);
        }
        putc(*p, out);
    }
}

/* An option within _arguments' own language: `'--name=[help]:what:action'`, `'-n+[help]...'`. */
struct spec {
    char name[72];       /* "--name", with a star before where it may be repeated */
    const char *follows; /* what joins a value to it: "=", "=-", "+" or "" */
    const char *help;
    const char *colon; /* ":", "::" where the value may be missing, NULL where there is none */
    const char *what;
    enum describe_kind kind;
    const char *words;
};

static void put_spec(const struct spec *spec, FILE *out)
{
    fprintf(out, "    '%s%s[", spec->name, spec->follows);
    put_quoted(spec->help, "[]:\\", out);
    putc(']', out);
    if (spec->colon != NULL) {
        fprintf(out, "%s%s:", spec->colon, spec->what);
        if (spec->kind == DESCRIBE_CHOICE) {
            fprintf(out, "(%s)", spec->words);
        } else if (spec->kind == DESCRIBE_FILE) {
            fputs("_files", out);
        }
    }
    fputs("'\n", out);
}

static void put_row(const struct option_row *row, FILE *out)
{
    char words[DESCRIBE_TEXT] = "";
    struct spec spec = {.follows = "", .help = row->help};
    if (row->value != NULL) {
        spec.follows = "=";
        spec.colon = ":";
        spec.what = row->value;
        spec.kind = describe_row_value(row, words);
        spec.words = words;
    }
    snprintf(spec.name, sizeof(spec.name), "%s", row->name);
    put_spec(&spec, out);
    if (row->letter != 0) {
        snprintf(spec.name, sizeof(spec.name), "-%c", row->letter);
        spec.follows = ""; /* the file's option takes no value in the same word */
        put_spec(&spec, out);
    }
}

static void put_key(const struct conf_option *option, FILE *out)
{
    char words[DESCRIBE_TEXT];
    bool flag = option->type == CONF_BOOL;
    struct spec spec = {.follows = flag ? "=-" : "=",
                        .help = option->help,
                        .colon = flag ? "::" : ":",
                        .what = option->key,
                        .kind = describe_key_value(option, words),
                        .words = words};
    const char *star = option->type == CONF_STRINGS ? "*" : "";
    snprintf(spec.name, sizeof(spec.name), "%s--%s", star, option->key);
    put_spec(&spec, out);
    if (option->letter != 0) {
        snprintf(spec.name, sizeof(spec.name), "%s-%c", star, option->letter);
        spec.follows = "";
        spec.colon = flag ? NULL : ":";
        put_spec(&spec, out);
    }
}

static void put_arguments(const struct describe_program *program, FILE *out)
{
    for (size_t r = 0; r < DESCRIBE_ROWS; r++) {
        for (size_t i = 0; i < program->rows[r].count; i++) {
            put_row(&program->rows[r].rows[i], out);
        }
    }
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        if (program->schema->options[i].type != CONF_TABLE) {
            put_key(&program->schema->options[i], out);
        }
    }
}

/* What follows a boolean may be its value or a command: _arguments knows one or the other. */
static void put_booleans(const struct conf_schema *schema, FILE *out)
{
    const char *between = "";
    fputs("for ((at = CURRENT - 1; at > 2; at--)); do\n"
          "    if [[ $words[at] == (true|false) && $words[at-1] == (",
          out);
    for (size_t i = 0; i < schema->count; i++) {
        const struct conf_option *option = &schema->options[i];
        if (option->type == CONF_BOOL) {
            fprintf(out, "%s--%s", between, option->key);
            between = "|";
            if (option->letter != 0) {
                fprintf(out, "|-%c", option->letter);
            }
        }
    }
    fputs(") ]]; then\n"
          "        words[at]=()\n"
          "        ((CURRENT--))\n"
          "    fi\n"
          "done\n",
          out);
}

/* Words with what they mean, for _describe: the second ones of first, or all first ones. */
static void put_described(const struct describe_program *program, const char *first, FILE *out)
{
    fputs("commands=(\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        const char *word = first != NULL ? c->second : c->first;
        if (first != NULL ? word == NULL || strcmp(c->first, first) != 0
                          : describe_first_again(program, i)) {
            continue;
        }
        fprintf(out, "        '%s", word);
        if (first != NULL || c->second == NULL) {
            putc(':', out);
            put_quoted(c->help, "\\", out);
        }
        fputs("'\n", out);
    }
    fputs("    )\n    _describe command commands ;;\n", out);
}

static void put_place(const struct describe_program *program, const struct describe_place *place,
                      FILE *out)
{
    fprintf(out, "%zu:%s)\n    ", place->before, place->pattern);
    switch (place->kind) {
    case DESCRIBE_ANY:
        fprintf(out, "_message '%s' ;;\n", place->text);
        break;
    case DESCRIBE_FILE:
        fputs("_files ;;\n", out);
        break;
    case DESCRIBE_CHOICE:
        fprintf(out, "compadd - %s ;;\n", place->text);
        break;
    case DESCRIBE_COMMAND:
    case DESCRIBE_SECOND:
        put_described(program, place->kind == DESCRIBE_SECOND ? place->first : NULL, out);
        break;
    }
}

void describe_zsh(const struct describe_program *program, FILE *out)
{
    fprintf(out,
            "#compdef %s\n"
            "# made from its own tables\n"
            "local curcontext=$curcontext state line\n"
            "local -a arguments commands\n"
            "local -A opt_args\n",
            program->name);
    /* Behind -- are no options; _arguments loses its place there. */
    fputs("local -i at=$words[(ie)--]\n"
          "if ((at > 1 && at < CURRENT)); then\n"
          "    [[ $words[CURRENT] != -* ]] || return 1\n"
          "    words[at]=()\n"
          "    ((CURRENT--))\n"
          "fi\n",
          out);
    if (program->schema != NULL) {
        put_booleans(program->schema, out);
    }
    fputs("arguments=(\n", out);
    put_arguments(program, out);
    if (program->command_count == 0) {
        fputs(")\n_arguments -S $arguments\n", out);
        return;
    }
    /* The state is how many words of the command stand before. */
    fputs(")\n_arguments -S -C $arguments '1: :->0'", out);
    for (size_t n = 1; n < 2 + DESCRIBE_WORDS; n++) {
        fprintf(out, " '%zu: :->%zu'", n + 1, n);
    }
    fputs(" && return\n"
          "[[ -n $state ]] || return 1\n"
          "case $state:${(j: :)line[1,state]} in\n"
          "0:)\n    ",
          out);
    put_described(program, NULL, out);
    describe_places(program, put_place, out);
    fputs("*) return 1 ;;\nesac\n", out);
}

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

/* Within _arguments' own language. */
static void put_help(const char *text, FILE *out)
{
    putc('[', out);
    put_quoted(text, "[]:\\", out);
    putc(']', out);
}

/* One spec: `'--name=[help]` or `'-n+[help]`, or without = and + where no value follows. */
static void put_spec(const char *name, char letter, const char *follows, const char *help,
                     FILE *out)
{
    fputs("    '", out);
    if (letter != 0) {
        fprintf(out, "-%c%s", letter, strcmp(follows, "=") == 0 ? "+" : "");
    } else {
        fprintf(out, "%s%s", name, follows);
    }
    put_help(help, out);
}

static void put_row(const struct option_row *row, char letter, FILE *out)
{
    put_spec(row->name, letter, row->value != NULL ? "=" : "", row->help, out);
    if (row->value != NULL) {
        bool file = strcmp(row->value, "PATH") == 0 || strcmp(row->value, "FOLDER") == 0;
        fprintf(out, ":%s:%s", row->value, file ? "_files" : "");
    }
    fputs("'\n", out);
}

static void put_rows(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        put_row(&rows[i], 0, out);
        if (rows[i].letter != 0) {
            put_row(&rows[i], rows[i].letter, out);
        }
    }
}

static void put_option(const struct conf_option *option, char letter, FILE *out)
{
    char name[64];
    bool flag = option->type == CONF_BOOL;
    snprintf(name, sizeof(name), "%s--%s", option->type == CONF_STRINGS ? "*" : "", option->key);
    put_spec(name, letter, flag ? "=-" : "=", option->help, out);
    if (flag && letter != 0) {
        fputs("'\n", out);
        return;
    }
    fprintf(out, "%s%s:", flag ? "::" : ":", option->key);
    if (flag || option->type == CONF_WORD) {
        putc('(', out);
        describe_values(option, out);
        putc(')', out);
    } else if (option->type != CONF_INT) {
        fputs("_files", out);
    }
    fputs("'\n", out);
}

static void put_arguments(const struct describe_program *program, FILE *out)
{
    put_rows(program->more, program->more_count, out);
    put_rows(program->options, program->option_count, out);
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type == CONF_TABLE) {
            continue;
        }
        put_option(option, 0, out);
        if (option->letter != 0) {
            put_option(option, option->letter, out);
        }
    }
    if (program->schema != NULL) {
        fputs("    '--config=[YAML file]:file:_files'\n"
              "    '--config-file=[YAML file]:file:_files'\n"
              "    '-c+[YAML file]:file:_files'\n"
              "    '-f+[YAML file]:file:_files'\n",
              out);
    }
}

static void put_first_words(const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        if (describe_first_again(program, i)) {
            continue;
        }
        fprintf(out, "        '%s", c->first);
        if (c->second == NULL) {
            putc(':', out);
            put_quoted(c->help, "", out);
        }
        fputs("'\n", out);
    }
}

static void put_second_words(const struct describe_program *program, FILE *out)
{
    char seconds[512];
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        if (describe_first_again(program, i) ||
            !describe_seconds(program, c->first, seconds, sizeof(seconds))) {
            continue;
        }
        fprintf(out, "    %s)\n", c->first);
        if (c->second == NULL) {
            fprintf(out, "        compadd - %s ;;\n", seconds);
            continue;
        }
        fputs("        commands=(\n", out);
        for (size_t j = i; j < program->command_count; j++) {
            const struct describe_command *other = &program->commands[j];
            if (strcmp(other->first, c->first) == 0 && other->second != NULL) {
                fprintf(out, "            '%s:", other->second);
                put_quoted(other->help, "", out);
                fputs("'\n", out);
            }
        }
        fputs("        )\n        _describe command commands ;;\n", out);
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
    if (program->schema != NULL) {
        /* What follows a boolean may be its value or a command: _arguments knows one or the other.
         */
        fputs("local -i at\n"
              "for ((at = CURRENT - 1; at > 2; at--)); do\n"
              "    if [[ $words[at] == (true|false) && $words[at-1] == --* ]]; then\n"
              "        words[at]=()\n"
              "        ((CURRENT--))\n"
              "    fi\n"
              "done\n",
              out);
    }
    fputs("arguments=(\n", out);
    put_arguments(program, out);
    if (program->command_count == 0) {
        fputs(")\n_arguments -s $arguments\n", out);
        return;
    }
    fputs(")\n"
          "_arguments -s -C $arguments '1: :->first' '2: :->second' '*:file:_files' && return\n"
          "case $state in\n"
          "first)\n"
          "    commands=(\n",
          out);
    put_first_words(program, out);
    fputs("    )\n    _describe command commands ;;\nsecond)\n    case $line[1] in\n", out);
    put_second_words(program, out);
    fputs("    *)\n        _files ;;\n    esac ;;\nesac\n", out);
}

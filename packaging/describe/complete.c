#include <string.h>

#include "packaging/describe/describe.h"

/* Two-word commands by their first word, and every first word once. */
static bool seen_before(const struct describe_program *program, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(program->commands[i].first, program->commands[index].first) == 0) {
            return true;
        }
    }
    return false;
}

/* The name as part of a shell function's: hyphens are none. */
static void put_identifier(const char *name, FILE *out)
{
    for (const char *p = name; *p != '\0'; p++) {
        fputc(*p == '-' ? '_' : *p, out);
    }
}

static void put_option_names(const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; i < program->option_count; i++) {
        fprintf(out, " %s", program->options[i].name);
    }
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        if (program->schema->options[i].type != CONF_TABLE) {
            fprintf(out, " --%s", program->schema->options[i].key);
        }
    }
    if (program->schema != NULL) {
        fputs(" --config --config-file", out);
    }
}

/* What may follow an option, where only some words may. */
static void bash_values(const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type != CONF_WORD && option->type != CONF_BOOL) {
            continue;
        }
        fprintf(out, "    --%s)\n        words='", option->key);
        if (option->type == CONF_BOOL) {
            fputs("true false", out);
        }
        for (size_t w = 0; option->type == CONF_WORD && option->words[w] != NULL; w++) {
            fprintf(out, "%s%s", w > 0 ? " " : "", option->words[w]);
        }
        fputs("' ;;\n", out);
    }
}

static void bash_commands(const struct describe_program *program, FILE *out)
{
    fputs("    case \"${command[*]}\" in\n    '')\n        words=\"$options", out);
    for (size_t i = 0; i < program->command_count; i++) {
        if (!seen_before(program, i)) {
            fprintf(out, " %s", program->commands[i].first);
        }
    }
    fputs("\" ;;\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        if (program->commands[i].second == NULL || seen_before(program, i)) {
            continue;
        }
        fprintf(out, "    %s)\n        words=\"$options", program->commands[i].first);
        for (size_t j = i; j < program->command_count; j++) {
            if (strcmp(program->commands[j].first, program->commands[i].first) == 0 &&
                program->commands[j].second != NULL) {
                fprintf(out, " %s", program->commands[j].second);
            }
        }
        fputs("\" ;;\n", out);
    }
    fputs("    *)\n        words=$options ;;\n    esac\n", out);
}

void describe_bash(const struct describe_program *program, FILE *out)
{
    fprintf(out, "# bash completion of %s; made from its own tables\n_", program->name);
    put_identifier(program->name, out);
    fputs("()\n{\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local words='' options='",
          out);
    put_option_names(program, out);
    fputs("' command=() i\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n",
          out);
    fputs("        -*) ;;\n"
          "        *)\n"
          "            case ${COMP_WORDS[i - 1]} in\n"
          "            -*) [ \"$i\" -eq 1 ] && command+=(\"${COMP_WORDS[i]}\") ;;\n"
          "            *) command+=(\"${COMP_WORDS[i]}\") ;;\n"
          "            esac ;;\n"
          "        esac\n"
          "    done\n"
          "    case $previous in\n"
          "    --config | --config-file | -c | -f)\n"
          "        compopt -o default\n"
          "        return ;;\n",
          out);
    bash_values(program, out);
    fputs("    *)\n", out);
    bash_commands(program, out);
    fputs("        ;;\n    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n"
          "complete -F _",
          out);
    put_identifier(program->name, out);
    fprintf(out, " %s\n", program->name);
}

/* Within single quotes of zsh's _arguments: brackets and colons are its own. */
static void put_zsh(const char *text, FILE *out)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (strchr("[]:\\", *p) != NULL) {
            fputc('\\', out);
        }
        fputs(*p == '\'' ? "'\\''" : "", out);
        if (*p != '\'') {
            fputc(*p, out);
        }
    }
}

static void zsh_options(const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; i < program->option_count; i++) {
        const struct option_row *row = &program->options[i];
        fprintf(out, "    '%s[", row->name);
        put_zsh(row->help, out);
        fprintf(out, "]%s%s%s'\n", row->value != NULL ? ":" : "",
                row->value != NULL ? row->value : "", row->value != NULL ? ":" : "");
    }
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type == CONF_TABLE) {
            continue;
        }
        fprintf(out, "    '%s--%s[", option->type == CONF_STRINGS ? "*" : "", option->key);
        put_zsh(option->help, out);
        fprintf(out, "]:%s:", option->key);
        if (option->type == CONF_BOOL) {
            fputs("(true false)", out);
        }
        for (size_t w = 0; option->type == CONF_WORD && option->words[w] != NULL; w++) {
            fprintf(out, "%s%s%s", w == 0 ? "(" : " ", option->words[w],
                    option->words[w + 1] == NULL ? ")" : "");
        }
        fputs("'\n", out);
    }
    if (program->schema != NULL) {
        fputs("    '--config[YAML file]:file:_files'\n"
              "    '--config-file[YAML file]:file:_files'\n",
              out);
    }
}

void describe_zsh(const struct describe_program *program, FILE *out)
{
    fprintf(out,
            "#compdef %s\n# made from its own tables\nlocal -a arguments commands\narguments=(\n",
            program->name);
    zsh_options(program, out);
    fputs(")\n", out);
    if (program->command_count == 0) {
        fputs("_arguments -s $arguments\n", out);
        return;
    }
    fputs(
        "_arguments -s $arguments '1: :->first' '2: :->second' '*:word:'\ncase $state in\nfirst)\n"
        "    commands=(\n",
        out);
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        if (!seen_before(program, i)) {
            fprintf(out, "        '%s", c->first);
            if (c->second == NULL) {
                fputc(':', out);
                put_zsh(c->help, out);
            }
            fputs("'\n", out);
        }
    }
    fputs("    )\n    _describe command commands ;;\nsecond)\n    case $words[CURRENT-1] in\n",
          out);
    for (size_t i = 0; i < program->command_count; i++) {
        if (program->commands[i].second == NULL || seen_before(program, i)) {
            continue;
        }
        fprintf(out, "    %s)\n        commands=(\n", program->commands[i].first);
        for (size_t j = i; j < program->command_count; j++) {
            const struct describe_command *c = &program->commands[j];
            if (strcmp(c->first, program->commands[i].first) == 0 && c->second != NULL) {
                fprintf(out, "            '%s:", c->second);
                put_zsh(c->help, out);
                fputs("'\n", out);
            }
        }
        fputs("        )\n        _describe command commands ;;\n", out);
    }
    fputs("    esac ;;\nesac\n", out);
}

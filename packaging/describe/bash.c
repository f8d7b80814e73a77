#include "packaging/describe/describe.h"

#define FILE_OPTIONS "--config --config-file"

enum which { ALL, WITH_VALUE, MAYBE_VALUE };

/* The names of a list's options, each behind `between` but for the first. */
static void put_row_names(const struct option_row *rows, size_t count, enum which which,
                          const char *between, bool *first, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct option_row *row = &rows[i];
        if ((which == WITH_VALUE && row->value == NULL) || which == MAYBE_VALUE) {
            continue;
        }
        fprintf(out, "%s%s", *first ? "" : between, row->name);
        *first = false;
        if (which == WITH_VALUE && row->letter != 0) {
            fprintf(out, "%s-%c", between, row->letter);
        }
    }
}

/* Of all options, or of those that a value follows always, or perhaps. Returns whether any. */
static bool put_names(const struct describe_program *program, enum which which, const char *between,
                      FILE *out)
{
    bool first = true;
    put_row_names(program->options, program->option_count, which, between, &first, out);
    put_row_names(program->more, program->more_count, which, between, &first, out);
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type == CONF_TABLE ||
            (which != ALL && (which == MAYBE_VALUE) != (option->type == CONF_BOOL))) {
            continue;
        }
        fprintf(out, "%s--%s", first ? "" : between, option->key);
        first = false;
        if (which != ALL && option->letter != 0) {
            fprintf(out, "%s-%c", between, option->letter);
        }
    }
    return !first;
}

/* Divides what stands before the cursor into the command's words and the last option that still
 * waits for its value. */
static void put_reader(const struct describe_program *program, FILE *out)
{
    fputs(
        "    local current=${COMP_WORDS[COMP_CWORD]} option='' maybe='' words='' command=() word\n"
        "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
        "        if [ \"$word\" = = ]; then\n"
        "            option=$option$maybe maybe=''\n"
        "            continue\n"
        "        elif [ -n \"$option\" ]; then\n"
        "            option=''\n"
        "            continue\n"
        "        elif [ -n \"$maybe\" ]; then\n"
        "            maybe=''\n"
        "            case $word in true | false) continue ;; esac\n"
        "        fi\n"
        "        case $word in\n"
        "        ",
        out);
    if (put_names(program, WITH_VALUE, " | ", out)) {
        fputs(program->schema != NULL ? " | --config | --config-file | -c | -f" : "", out);
        fputs(") option=$word ;;\n        ", out);
    }
    if (put_names(program, MAYBE_VALUE, " | ", out)) {
        fputs(") maybe=$word ;;\n        ", out);
    }
    fputs("-*) ;;\n"
          "        *) command+=(\"$word\") ;;\n"
          "        esac\n"
          "    done\n"
          "    if [ \"$current\" = = ]; then\n"
          "        current='' option=$option$maybe\n"
          "    fi\n",
          out);
}

/* What may follow an option, where only some words may; file names elsewhere. */
static void put_values(const struct describe_program *program, FILE *out)
{
    fputs("    case $option in\n", out);
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type != CONF_WORD && option->type != CONF_BOOL) {
            continue;
        }
        fprintf(out, "    --%s", option->key);
        if (option->letter != 0) {
            fprintf(out, " | -%c", option->letter);
        }
        fputs(") words='", out);
        describe_values(option, out);
        fputs("' ;;\n", out);
    }
    fputs("    ?*) return ;;\n    '')\n", out);
}

static void put_commands(const struct describe_program *program, FILE *out)
{
    char seconds[512];
    fputs("        case \"${command[*]}\" in\n        '') words='", out);
    for (size_t i = 0; i < program->command_count; i++) {
        if (!describe_first_again(program, i)) {
            fprintf(out, "%s%s", i > 0 ? " " : "", program->commands[i].first);
        }
    }
    fputs("' ;;\n", out);
    for (size_t i = 0; i < program->command_count; i++) {
        const char *first = program->commands[i].first;
        if (!describe_first_again(program, i) &&
            describe_seconds(program, first, seconds, sizeof(seconds))) {
            fprintf(out, "        %s) words='%s' ;;\n", first, seconds);
        }
    }
    fputs("        esac\n", out);
}

void describe_bash(const struct describe_program *program, FILE *out)
{
    fprintf(out, "# bash completion of %s; made from its own tables\n_", program->name);
    describe_identifier(program->name, out);
    fputs("()\n{\n", out);
    put_reader(program, out);
    put_values(program, out);
    put_commands(program, out);
    fputs("        if [ -n \"$maybe\" ]; then\n"
          "            words=\"$words true false\"\n"
          "        fi\n"
          "        case $current in\n"
          "        -*) words='",
          out);
    put_names(program, ALL, " ", out);
    fputs(program->schema != NULL ? " " FILE_OPTIONS : "", out);
    fputs("' ;;\n"
          "        esac ;;\n"
          "    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "}\n"
          "complete -o bashdefault -o default -F _",
          out);
    describe_identifier(program->name, out);
    fprintf(out, " %s\n", program->name);
}

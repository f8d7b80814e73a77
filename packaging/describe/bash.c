/*
 * Bash divides words at = and : and hands them over so; the function made here joins them again by
 * the line itself (no other package is needed), sorts them into options and words of the command,
 * and offers what may stand at the cursor. Where nothing is known, it offers nothing; file names
 * only where one is taken.
 */
#include <string.h>

#include "packaging/describe/describe.h"

/* Words before the cursor, whole, the last one up to the cursor. */
static const char head[] =
    "()\n"
    "{\n"
    "    local IFS=$' \\t\\n' line=${COMP_LINE:0:COMP_POINT} all=() command=() word i\n"
    "    local option='' maybe='' ended='' words='' prefix='' current\n"
    "    COMPREPLY=()\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((i > 0)) && [[ $line != [[:blank:]]* ]]; then\n"
    "            all[-1]+=$word\n"
    "        else\n"
    "            line=${line#\"${line%%[![:blank:]]*}\"}\n"
    "            all+=(\"$word\")\n"
    "        fi\n"
    "        if [[ $line == \"$word\"* ]]; then\n"
    "            line=${line#\"$word\"}\n"
    "        else\n"
    "            all[-1]=${all[-1]%\"$word\"}$line line=''\n"
    "        fi\n"
    "    done\n"
    "    current=${all[-1]}\n"
    "    for word in \"${all[@]:1:${#all[@]}-2}\"; do\n"
    "        if [[ -n $option ]]; then\n"
    "            option=''\n"
    "            continue\n"
    "        elif [[ -n $maybe ]]; then\n"
    "            maybe=''\n"
    "            [[ $word == true || $word == false ]] && continue\n"
    "        fi\n"
    "        if [[ -n $ended || $word != -?* ]]; then\n"
    "            command+=(\"$word\")\n"
    "            continue\n"
    "        fi\n"
    "        case $word in\n"
    "        --) ended=yes ;;\n"
    "        --*=*) ;;\n";

/* The value of an option at hand, in a word of its own or behind a = . */
static const char value[] = "        esac\n"
                            "    done\n"
                            "    if [[ -z $option && -z $ended && $current == --*=* ]]; then\n"
                            "        option=${current%%=*} current=${current#*=}\n"
                            "        [[ $COMP_WORDBREAKS == *=* ]] || prefix=$option=\n"
                            "    fi\n"
                            "    case $option in\n";

static const char tail[] =
    "        fi ;;\n"
    "    *) return ;;\n"
    "    esac\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$prefix\" -W \"$words\" -- \"$current\")\n"
    "}\n"
    "complete -F _";

static const char files[] = "compopt -o default 2>/dev/null";

static void put_row_pattern(const struct option_row *row, FILE *out)
{
    fputs(row->name, out);
    if (row->letter != 0) {
        fprintf(out, " | -%c", row->letter);
    }
}

static void put_key_pattern(const struct conf_option *option, FILE *out)
{
    fprintf(out, "--%s", option->key);
    if (option->letter != 0) {
        fprintf(out, " | -%c", option->letter);
    }
}

/* Which options have a value behind them, and which perhaps. */
static void put_reader(const struct describe_program *program, FILE *out)
{
    for (size_t r = 0; r < DESCRIBE_ROWS; r++) {
        for (size_t i = 0; i < program->rows[r].count; i++) {
            if (program->rows[r].rows[i].value != NULL) {
                fputs("        ", out);
                put_row_pattern(&program->rows[r].rows[i], out);
                fputs(") option=$word ;;\n", out);
            }
        }
    }
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type != CONF_TABLE) {
            fputs("        ", out);
            put_key_pattern(option, out);
            fprintf(out, ") %s=$word ;;\n", option->type == CONF_BOOL ? "maybe" : "option");
        }
    }
}

static void put_kind(enum describe_kind kind, const char *text, FILE *out)
{
    if (kind == DESCRIBE_CHOICE) {
        fprintf(out, ") words='%s' ;;\n", text);
    } else {
        fprintf(out, ") %s ;;\n", kind == DESCRIBE_FILE ? files : "return");
    }
}

static void put_values(const struct describe_program *program, FILE *out)
{
    char text[DESCRIBE_TEXT];
    for (size_t r = 0; r < DESCRIBE_ROWS; r++) {
        for (size_t i = 0; i < program->rows[r].count; i++) {
            const struct option_row *row = &program->rows[r].rows[i];
            if (row->value != NULL) {
                fputs("    ", out);
                put_row_pattern(row, out);
                put_kind(describe_row_value(row, text), text, out);
            }
        }
    }
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        const struct conf_option *option = &program->schema->options[i];
        if (option->type != CONF_TABLE) {
            fputs("    ", out);
            put_key_pattern(option, out);
            put_kind(describe_key_value(option, text), text, out);
        }
    }
}

static void put_option_names(const struct describe_program *program, FILE *out)
{
    const char *between = "";
    for (size_t r = 0; r < DESCRIBE_ROWS; r++) {
        for (size_t i = 0; i < program->rows[r].count; i++) {
            fprintf(out, "%s%s", between, program->rows[r].rows[i].name);
            between = " ";
        }
    }
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        if (program->schema->options[i].type != CONF_TABLE) {
            fprintf(out, "%s--%s", between, program->schema->options[i].key);
            between = " ";
        }
    }
}

static void put_firsts(const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; i < program->command_count; i++) {
        if (!describe_first_again(program, i)) {
            fprintf(out, "%s%s", i > 0 ? " " : "", program->commands[i].first);
        }
    }
}

static void put_seconds(const struct describe_program *program, const char *first, FILE *out)
{
    const char *between = "";
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        if (c->second != NULL && strcmp(c->first, first) == 0) {
            fprintf(out, "%s%s", between, c->second);
            between = " ";
        }
    }
}

static void put_place(const struct describe_program *program, const struct describe_place *place,
                      FILE *out)
{
    if (place->kind == DESCRIBE_ANY) {
        return;
    }
    fprintf(out, "            %zu:%s) ", place->before, place->pattern);
    if (place->kind == DESCRIBE_FILE) {
        fprintf(out, "%s ;;\n", files);
        return;
    }
    fputs("words+=' ", out);
    if (place->kind == DESCRIBE_CHOICE) {
        fputs(place->text, out);
    } else if (place->kind == DESCRIBE_COMMAND) {
        put_firsts(program, out);
    } else {
        put_seconds(program, place->first, out);
    }
    fputs("' ;;\n", out);
}

static void put_commands(const struct describe_program *program, FILE *out)
{
    if (program->command_count == 0) {
        return;
    }
    fputs("            case ${#command[@]}:${command[*]} in\n            0:) words+=' ", out);
    put_firsts(program, out);
    fputs("' ;;\n", out);
    describe_places(program, put_place, out);
    fputs("            esac\n", out);
}

void describe_bash(const struct describe_program *program, FILE *out)
{
    fprintf(out, "# bash completion of %s; made from its own tables\n_", program->name);
    describe_identifier(program->name, out);
    fputs(head, out);
    put_reader(program, out);
    fputs(value, out);
    put_values(program, out);
    fputs("    '')\n"
          "        if [[ -z $ended && $current == -* ]]; then\n"
          "            words='",
          out);
    put_option_names(program, out);
    fputs("'\n"
          "        else\n"
          "            [[ -z $maybe ]] || words='true false'\n",
          out);
    put_commands(program, out);
    fputs(tail, out);
    describe_identifier(program->name, out);
    fprintf(out, " %s\n", program->name);
}

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "packaging/describe/describe.h"

/* Text within mdoc(7): backslashes and hyphens are escaped; a line that begins like a macro does
 * not. A new sentence begins a new line. */
static void put_text(FILE *out, const char *text)
{
    bool start = true;
    for (const char *p = text; *p != '\0'; p++) {
        if (start && (*p == '.' || *p == '\'')) {
            fputs("\\&", out);
        }
        start = false;
        if (*p == '\\') {
            fputs("\\e", out);
        } else if (*p == '-') {
            fputs("\\-", out);
        } else if (*p == ' ' && p > text && p[-1] == '.' && isupper((unsigned char)p[1])) {
            fputc('\n', out);
            start = true;
        } else {
            fputc(*p, out);
        }
    }
}

/* A word that is one argument of a macro. */
static void put_word(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *p = text; *p != '\0'; p++) {
        fputs(*p == '\\' ? "\\e" : *p == '"' ? "\\(dq" : "", out);
        if (*p != '\\' && *p != '"') {
            fputc(*p, out);
        }
    }
    fputc('"', out);
}

/* A line for people, whose tables begin small and end without a full stop. A file's name stays
 * small. */
static void put_help(FILE *out, const char *help)
{
    bool file = memchr(help, '.', strcspn(help, " ")) != NULL;
    char first[2] = {(char)(file ? help[0] : toupper((unsigned char)help[0])), '\0'};
    size_t len = strlen(help);
    put_text(out, first);
    put_text(out, help + 1);
    fputs(len > 0 && help[len - 1] == '.' ? "\n" : ".\n", out);
}

static const char *value_of(const struct conf_option *option)
{
    static const char *const names[] = {
        [CONF_BOOL] = "true | false", [CONF_INT] = "number",        [CONF_STRING] = "value",
        [CONF_WORD] = "word",         [CONF_STRINGS] = "value ...", [CONF_TABLE] = "rows"};
    return names[option->type];
}

static void put_bounds(FILE *out, const struct conf_option *option)
{
    if (option->type == CONF_INT) {
        fprintf(out, "From %" PRId64 " to %" PRId64 "%s%s.\n", option->min, option->max,
                option->unit != NULL ? " " : "", option->unit != NULL ? option->unit : "");
    }
    for (size_t i = 0; option->type == CONF_WORD && option->words[i] != NULL; i++) {
        fprintf(out, "%s%s", i == 0 ? "One of " : i > 0 ? ", " : "", option->words[i]);
        fputs(option->words[i + 1] == NULL ? ".\n" : "", out);
    }
    if (option->fallback != NULL && option->fallback[0] != '\0') {
        fputs("Default:\n.Li ", out);
        put_word(out, option->fallback);
        fputc('\n', out);
    }
}

static void put_option(FILE *out, const struct conf_option *option)
{
    fputs(".It ", out);
    if (option->letter != 0) {
        fprintf(out, "Fl %c , ", option->letter);
    }
    fprintf(out, "Fl \\-%s Ar ", option->key);
    put_word(out, value_of(option));
    fputc('\n', out);
    put_help(out, option->help);
    put_bounds(out, option);
}

static void put_key(FILE *out, const struct conf_option *option)
{
    fprintf(out, ".It Cm %s : Ar ", option->key);
    put_word(out, value_of(option));
    fputc('\n', out);
    put_help(out, option->help);
    put_bounds(out, option);
    if (option->type == CONF_TABLE) {
        fputs("A row has:\n.Bl -tag -width 6n -compact\n", out);
        for (size_t i = 0; i < option->table->count; i++) {
            put_key(out, &option->table->options[i]);
        }
        fputs(".El\n", out);
    }
}

static void put_rows(const struct option_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct option_row *row = &rows[i];
        fputs(".It ", out);
        if (row->letter != 0) {
            fprintf(out, "Fl %c , ", row->letter);
        }
        fprintf(out, "Fl \\%s", row->name + 1);
        if (row->value != NULL) {
            fputs(" Ar ", out);
            for (const char *p = row->value; *p != '\0'; p++) {
                fputc(tolower((unsigned char)*p), out);
            }
        }
        fputc('\n', out);
        put_help(out, row->help);
    }
}

static void put_options(const struct describe_program *program, FILE *out)
{
    put_rows(program->options, program->option_count, out);
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        if (program->schema->options[i].type != CONF_TABLE) {
            put_option(out, &program->schema->options[i]);
        }
    }
}

static void put_commands(const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        fprintf(out, ".It Cm %s%s%s", c->first, c->second != NULL ? " " : "",
                c->second != NULL ? c->second : "");
        if (c->args != NULL) {
            fputs(" Ar ", out);
            put_word(out, c->args);
        }
        fputc('\n', out);
        put_help(out, c->help);
    }
}

/* PROGRAM PART, as it stands between the two at signs. */
static int put_part(const struct describe *d, const char *text, size_t len, FILE *out)
{
    size_t name = strcspn(text, " @");
    const struct describe_program *program = describe_find(d, text, name);
    const char *part = text + name + (text[name] == ' ');
    size_t part_len = len - (size_t)(part - text);
    if (program == NULL) {
        return -EINVAL;
    }
    if (part_len == 7 && memcmp(part, "options", 7) == 0) {
        put_options(program, out);
    } else if (part_len == 4 && memcmp(part, "more", 4) == 0 && program->more_count > 0) {
        put_rows(program->more, program->more_count, out);
    } else if (part_len == 4 && memcmp(part, "keys", 4) == 0 && program->schema != NULL) {
        for (size_t i = 0; i < program->schema->count; i++) {
            put_key(out, &program->schema->options[i]);
        }
    } else if (part_len == 8 && memcmp(part, "commands", 8) == 0 && program->command_count > 0) {
        put_commands(program, out);
    } else {
        return -EINVAL;
    }
    return 0;
}

int describe_man(const struct describe *d, FILE *in, FILE *out)
{
    static const char mark[] = ".\\\" @";
    char line[1024];
    while (fgets(line, sizeof(line), in) != NULL) {
        const char *text = line + sizeof(mark) - 1;
        if (strncmp(line, mark, sizeof(mark) - 1) != 0) {
            fputs(line, out);
        } else if (put_part(d, text, strcspn(text, "@\n"), out) < 0) {
            fprintf(stderr, "certmill-describe: there is no such part: %s", line);
            return -EINVAL;
        }
    }
    return ferror(in) || ferror(out) ? -EIO : 0;
}

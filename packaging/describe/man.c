#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "packaging/describe/describe.h"

#define COLUMNS 78

/* A word of text, escaped. Returns how many octets that is. */
static size_t put_escaped(FILE *out, const char *word, size_t len)
{
    size_t column = len;
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\\') {
            fputs("\\e", out);
            column++;
        } else if (word[i] == '-') {
            fputs("\\-", out);
            column++;
        } else {
            fputc(word[i], out);
        }
    }
    return column;
}

/* Text within mdoc(7): no line begins like a macro, each sentence begins one. */
static void put_text(FILE *out, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        bool sentence = len > 0 && text[len] == ' ' && text[len - 1] == '.' &&
                        isupper((unsigned char)text[len + 1]);
        if (column == 0 && (*text == '.' || *text == '\'')) {
            column += (size_t)fprintf(out, "\\&");
        }
        column += put_escaped(out, text, len);
        text += len;
        if (*text == ' ') {
            bool full = column + 8 + strcspn(text + 1, " ") > COLUMNS;
            fputc(sentence || full ? '\n' : ' ', out);
            column = sentence || full ? 0 : column + 1;
            text++;
        }
    }
}

/* What is to be typed as it stands: its hyphens are no dashes. */
static void put_name(FILE *out, const char *name)
{
    put_escaped(out, name, strlen(name));
}

/* A word that is one argument of a macro. */
static void put_word(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"') {
            fputs("\\(dq", out);
        } else {
            put_escaped(out, p, 1);
        }
    }
    fputc('"', out);
}

/* A line for people, whose tables begin small and end without a full stop. What names a file or is
 * a format's own name stays small. */
static void put_help(FILE *out, const char *help)
{
    char text[1024];
    size_t len = strlen(help);
    snprintf(text, sizeof(text), "%s%s", help, len > 0 && help[len - 1] != '.' ? "." : "");
    if (memchr(help, '.', strcspn(help, " ")) == NULL &&
        memchr(help, ':', strcspn(help, " ")) == NULL) {
        text[0] = (char)toupper((unsigned char)text[0]);
    }
    put_text(out, text);
    fputc('\n', out);
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
    char bounds[512];
    conf_bounds(option, bounds, sizeof(bounds));
    if (bounds[0] != '\0') {
        put_text(out, bounds);
        fputc('\n', out);
    }
    if (option->fallback != NULL && option->fallback[0] != '\0') {
        fputs("The default is\n.Cm ", out);
        put_word(out, option->fallback);
        fputs(" .\n", out);
    }
}

/* What the file's page alone has: how long a text may be, how a list divides where it is one. */
static void put_more_bounds(FILE *out, const struct conf_option *option)
{
    static const struct {
        char separator;
        const char *name;
    } names[] = {{' ', "blanks"}, {',', "commas"}, {';', "semicolons"}};
    if ((option->type == CONF_STRING || option->type == CONF_STRINGS) && option->max > 0) {
        fprintf(out, "%s most %" PRId64 " octets.\n",
                option->type == CONF_STRINGS ? "Each at" : "At", option->max);
    }
    for (size_t i = 0; option->type == CONF_STRINGS && i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].separator == option->separator) {
            fprintf(out, "As a single text divided by %s.\n", names[i].name);
        }
    }
}

static void put_option(FILE *out, const struct conf_option *option)
{
    fputs(".It ", out);
    if (option->letter != 0) {
        fprintf(out, "Fl %c , ", option->letter);
    }
    fputs("Fl \\-", out);
    put_name(out, option->key);
    fputs(option->type == CONF_BOOL ? " Op Ar " : " Ar ", out);
    put_word(out, value_of(option));
    fputc('\n', out);
    put_help(out, option->help);
    put_bounds(out, option);
}

/* Whether the example's value is but the default, in YAML's clothes. */
static bool is_default(const struct conf_option *option, const char *value)
{
    const char *p = option->fallback;
    if (p == NULL) {
        return option->type == CONF_BOOL && strcmp(value, "false") == 0;
    }
    for (; *value != '\0'; value++) {
        if (strchr("[]\", ", *value) == NULL) {
            if (*value != *p++) {
                return false;
            }
        } else if (*value == ' ' && *p == ' ') {
            p++;
        }
    }
    return *p == '\0';
}

static void put_example(FILE *out, const struct conf_option *option, const char *table,
                        FILE *example)
{
    char value[512], line[640];
    if (example == NULL || option->type == CONF_TABLE ||
        !describe_example(example, table, option->key, value, sizeof(value)) ||
        is_default(option, value)) {
        return;
    }
    snprintf(line, sizeof(line), "%s: %s", option->key, value);
    fputs(".Dl ", out);
    put_word(out, line);
    fputc('\n', out);
}

static void put_key(FILE *out, const struct conf_option *option, const char *table, FILE *example)
{
    fputs(".It Cm ", out);
    put_name(out, option->key);
    fputs(" : Ar ", out);
    put_word(out, value_of(option));
    fputc('\n', out);
    put_help(out, option->help);
    put_more_bounds(out, option);
    put_bounds(out, option);
    put_example(out, option, table, example);
    if (option->type == CONF_TABLE) {
        fputs(".Bl -tag -width 6n -compact\n", out);
        for (size_t i = 0; i < option->table->count; i++) {
            put_key(out, &option->table->options[i], option->key, example);
        }
        fputs(".El\n", out);
    }
}

static void put_lower(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char small[2] = {(char)tolower((unsigned char)text[i]), '\0'};
        put_name(out, small);
    }
}

static void put_row_words(const struct option_row *row, FILE *out)
{
    fputs("Fl ", out);
    put_name(out, row->name + 1); /* Fl has the first hyphen */
    if (row->value != NULL) {
        fputs(" Ar ", out);
        put_lower(out, row->value, strlen(row->value));
    }
}

static bool put_rows(const struct describe_rows *rows, FILE *out)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct option_row *row = &rows->rows[i];
        fputs(".It ", out);
        if (row->letter != 0) {
            fprintf(out, "Fl %c , ", row->letter);
        }
        put_row_words(row, out);
        fputc('\n', out);
        put_help(out, row->help);
        for (size_t j = 0; row->words != NULL && row->words[j] != NULL; j++) {
            fputs(j == 0 ? "One of " : "", out);
            put_name(out, row->words[j]);
            fputs(row->words[j + 1] != NULL ? ",\n" : ".\n", out);
        }
    }
    return rows->count > 0;
}

/* "FILE [STATE-DIR]", "[add|remove NAME]", "NAME...": small letters are typed as they stand. */
static void put_arguments(const char *args, FILE *out)
{
    size_t len;
    for (const char *p = args; *p != '\0'; p += len) {
        len = 1;
        if (*p == '[' || *p == ']') {
            fputs(*p == '[' ? " Oo" : " Oc", out);
        } else if (*p == '|') {
            fputs(" |", out);
        } else if (*p != ' ') {
            len = strcspn(p, " []|");
            size_t word = len > 3 && memcmp(p + len - 3, "...", 3) == 0 ? len - 3 : len;
            fputs(islower((unsigned char)*p) ? " Cm " : " Ar ", out);
            put_lower(out, p, word);
            fputs(word < len ? " ..." : "", out);
        }
    }
}

static bool put_own(const struct describe *d, const struct describe_program *program, FILE *out)
{
    (void)d;
    bool any = false;
    for (size_t i = 0; i < DESCRIBE_ROWS; i++) {
        any |= put_rows(&program->rows[i], out);
    }
    return any;
}

static bool put_asked(const struct describe *d, const struct describe_program *program, FILE *out)
{
    (void)d;
    return put_rows(&program->asked, out);
}

static bool put_schema(const struct describe *d, const struct describe_program *program, FILE *out)
{
    (void)d;
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        if (program->schema->options[i].type != CONF_TABLE) {
            put_option(out, &program->schema->options[i]);
        }
    }
    return program->schema != NULL;
}

static bool put_keys(const struct describe *d, const struct describe_program *program, FILE *out)
{
    for (size_t i = 0; program->schema != NULL && i < program->schema->count; i++) {
        put_key(out, &program->schema->options[i], NULL, d->example);
    }
    return program->schema != NULL;
}

static bool put_commands(const struct describe *d, const struct describe_program *program,
                         FILE *out)
{
    (void)d;
    for (size_t i = 0; i < program->command_count; i++) {
        const struct describe_command *c = &program->commands[i];
        fputs(".It Cm ", out);
        put_name(out, c->first);
        fputs(c->second != NULL ? " " : "", out);
        put_name(out, c->second != NULL ? c->second : "");
        if (c->args != NULL) {
            put_arguments(c->args, out);
        }
        if (c->option != NULL) {
            fputs(" Op ", out);
            put_row_words(c->option, out);
        }
        fputc('\n', out);
        put_help(out, c->help);
    }
    return program->command_count > 0;
}

/* PROGRAM PART, as it stands between the two at signs. */
static int put_part(const struct describe *d, const char *text, size_t len, FILE *out)
{
    static const struct {
        const char *name;
        bool (*put)(const struct describe *d, const struct describe_program *program,
                    FILE *out); /* false: it has none */
    } parts[] = {{"options", put_own},
                 {"asked", put_asked},
                 {"schema", put_schema},
                 {"keys", put_keys},
                 {"commands", put_commands}};
    size_t name = strcspn(text, " @");
    const struct describe_program *program = describe_find(d, text, name);
    const char *part = text + name + (text[name] == ' ');
    size_t part_len = len - (size_t)(part - text);
    for (size_t i = 0; program != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strlen(parts[i].name) == part_len && memcmp(parts[i].name, part, part_len) == 0) {
            return parts[i].put(d, program, out) ? 0 : -EINVAL;
        }
    }
    return -EINVAL;
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

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "common/conf_internal.h"
#include "common/option.h"
#include "common/utf8.h"

#define COLUMNS 80
#define INDENT  6

/* -- the values as YAML -- */

static void print_character(FILE *out, const char *bytes, size_t n, uint32_t point)
{
    if (point == '"' || point == '\\') {
        fprintf(out, "\\%c", (int)point);
    } else if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
        fprintf(out, "\\x%02x", (unsigned)point);
    } else if (point == 0x2028 || point == 0x2029 || point == 0xfeff || point == 0xfffe ||
               point == 0xffff) {
        fprintf(out, "\\u%04x", (unsigned)point); /* YAML 1.2 5.1: break lines or not printable */
    } else {
        fwrite(bytes, 1, n, out);
    }
}

/* Always in quotes: what is a text stays one. */
static void print_quoted(FILE *out, const char *text)
{
    size_t left = strlen(text), n;
    uint32_t point;

    fputc('"', out);
    while (left > 0) {
        if ((n = utf8_decode(text, left, &point)) == 0) {
            n = 1;
            point = '?';
            fputc('?', out);
        } else {
            print_character(out, text, n, point);
        }
        text += n;
        left -= n;
    }
    fputc('"', out);
}

static void print_strings(FILE *out, const struct conf_strings *strings, int indent)
{
    if (strings->count == 0) {
        fputs(" []\n", out);
        return;
    }
    fputc('\n', out);
    for (size_t i = 0; i < strings->count; i++) {
        fprintf(out, "%*s- ", indent + 2, "");
        print_quoted(out, strings->items[i]);
        fputc('\n', out);
    }
}

static void print_options(const struct conf_schema *schema, const void *conf, FILE *out, int indent,
                          const char *first);

static void print_table(FILE *out, const struct conf_option *option, const struct conf_table *table,
                        int indent)
{
    if (table->count == 0) {
        fputs(" []\n", out);
        return;
    }
    fputc('\n', out);
    for (size_t i = 0; i < table->count; i++) {
        print_options(option->table, (const char *)table->rows + i * option->table->size, out,
                      indent + 4, "- ");
    }
}

static bool is_unset(const struct conf_option *option, const void *field)
{
    return (option->type == CONF_STRING || option->type == CONF_WORD) &&
           *(char *const *)field == NULL;
}

static void print_value(FILE *out, const struct conf_option *option, const void *field, int indent)
{
    switch (option->type) {
    case CONF_BOOL:
        fprintf(out, " %s\n", *(const bool *)field ? "true" : "false");
        break;
    case CONF_INT:
        fprintf(out, " %" PRId64 "\n", *(const int64_t *)field);
        break;
    case CONF_STRING:
    case CONF_WORD:
        fputc(' ', out);
        print_quoted(out, *(char *const *)field);
        fputc('\n', out);
        break;
    case CONF_STRINGS:
        print_strings(out, field, indent);
        break;
    case CONF_TABLE:
        print_table(out, option, field, indent);
        break;
    }
}

/* first: what stands before the first key, within the indent ("- " of a row). */
static void print_options(const struct conf_schema *schema, const void *conf, FILE *out, int indent,
                          const char *first)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct conf_option *option = &schema->options[i];
        const void *field = conf_field_const(option, conf);
        if (is_unset(option, field)) {
            continue;
        }
        fprintf(out, "%*s%s%s:", indent - (int)strlen(first), "", first, option->key);
        print_value(out, option, field, indent);
        first = "";
    }
    if (first[0] != '\0') {
        fprintf(out, "%*s%s{}\n", indent - (int)strlen(first), "", first);
    }
}

void conf_print(const struct conf_schema *schema, const void *conf, FILE *out)
{
    print_options(schema, conf, out, 0, "");
}

/* -- help -- */

/* Puts the words of text, wrapped, on lines that begin with indent blanks. */
struct wrap {
    FILE *out;
    size_t indent, column; /* column 0: nothing on this line yet */
};

static void wrap_words(struct wrap *w, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (w->column > 0 && w->column + 1 + len > COLUMNS) {
            fputc('\n', w->out);
            w->column = 0;
        }
        if (w->column == 0) {
            w->column = (size_t)fprintf(w->out, "%*s", (int)w->indent, "");
        } else {
            fputc(' ', w->out);
            w->column++;
        }
        fwrite(text, 1, len, w->out);
        w->column += len;
        text += len;
        text += strspn(text, " ");
    }
}

static const char *value_name(const struct conf_option *option)
{
    switch (option->type) {
    case CONF_BOOL:
        return " [true|false]";
    case CONF_INT:
        return " NUMBER";
    case CONF_STRING:
        return " VALUE";
    case CONF_WORD:
        return " WORD";
    case CONF_STRINGS:
        return " VALUE ...";
    case CONF_TABLE:
        break;
    }
    return "";
}

void conf_bounds(const struct conf_option *option, char *dst, size_t cap)
{
    size_t at = 0;

    dst[0] = '\0';
    if (option->type == CONF_INT) {
        snprintf(dst, cap, "%" PRId64 " to %" PRId64 "%s%s.", option->min, option->max,
                 option->unit != NULL ? " " : "", option->unit != NULL ? option->unit : "");
    }
    for (size_t i = 0; option->type == CONF_WORD && option->words[i] != NULL && at < cap; i++) {
        at += (size_t)snprintf(dst + at, cap - at, "%s%s%s", i == 0 ? "One of " : ", ",
                               option->words[i], option->words[i + 1] == NULL ? "." : "");
    }
    if (option->type == CONF_TABLE) {
        snprintf(dst, cap, "A list; each entry has these keys:");
    }
}

static void help_rows(FILE *out, const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct option_row *row = &rows[i];
        fputs("  ", out);
        if (row->letter != 0) {
            fprintf(out, "-%c, ", row->letter);
        }
        fprintf(out, "%s%s%s\n%*s%c%s.\n", row->name, row->value != NULL ? " " : "",
                row->value != NULL ? row->value : "", INDENT, "",
                toupper((unsigned char)row->help[0]), row->help + 1);
    }
}

static void help_option(FILE *out, const struct conf_option *option, bool row)
{
    struct wrap w = {.out = out, .indent = row ? INDENT + 4 : INDENT};
    char bounds[512];

    if (row) {
        fprintf(out, "%*s%s:\n", INDENT + 2, "", option->key);
    } else if (option->type == CONF_TABLE) {
        fprintf(out, "  %s: (in the configuration file only)\n", option->key);
    } else if (option->letter != 0) {
        fprintf(out, "  -%c, --%s%s\n", option->letter, option->key, value_name(option));
    } else {
        fprintf(out, "  --%s%s\n", option->key, value_name(option));
    }
    conf_bounds(option, bounds, sizeof(bounds));
    wrap_words(&w, option->help);
    wrap_words(&w, bounds);
    if (option->fallback != NULL) {
        wrap_words(&w, "Default:");
        wrap_words(&w, option->fallback);
    }
    fputc('\n', out);
    for (size_t i = 0; option->type == CONF_TABLE && i < option->table->count; i++) {
        help_option(out, &option->table->options[i], true);
    }
}

void conf_help(const struct conf_schema *schema, FILE *out)
{
    struct wrap w = {.out = out};
    char text[256];

    help_rows(out, conf_file_options, conf_file_count);
    help_rows(out, option_asks_rows, option_asks_count);
    help_rows(out, schema->others, schema->other_count);
    for (size_t i = 0; i < schema->count; i++) {
        help_option(out, &schema->options[i], false);
    }
    snprintf(text, sizeof(text),
             "\nEach key can stand in the file, in the environment as %s_KEY_NAME and on the "
             "command line; the later of these wins. %s_CONFIG names the file where no option "
             "does.",
             schema->env_prefix, schema->env_prefix);
    wrap_words(&w, text);
    fputc('\n', out);
}

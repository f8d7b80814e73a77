/*
 * One value of an option: set, checked, freed. Every source (default, file, variable,
 * command line) comes through here, so that they take and refuse the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf_internal.h"
#include "common/limits.h"
#include "common/log_line.h"
#include "common/utf8.h"

int conf_locate(struct err *err, const struct conf_place *place, const char *key, int code)
{
    struct err mute = {0};

    err = err != NULL ? err : &mute;
    err->code = code;
    switch (place->source) {
    case CONF_FROM_FILE:
        if (key != NULL) {
            err_prefix(err, "%s", key);
        }
        err_prefix(err, "%.256s:%zu:%zu", place->name, place->line, place->column);
        break;
    case CONF_FROM_VARIABLE:
        err_prefix(err, "variable %.128s", place->name);
        break;
    case CONF_FROM_OPTION:
        err_prefix(err, "option --%s", key != NULL ? key : "");
        break;
    case CONF_FROM_DEFAULT:
        err_prefix(err, "default of %s", key != NULL ? key : "");
        break;
    }
    return code;
}

int conf_fail(struct err *err, const struct conf_place *place, const char *key, int code,
              const char *fmt, ...)
{
    char text[LIMIT_ERROR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0) {
        text[0] = '\0';
    }
    va_end(ap);
    err_set(err, code, "%s", text);
    return conf_locate(err, place, key, code);
}

const char *conf_show(char dst[static CONF_SHOWN], const char *value)
{
    struct log_line line;

    log_line_begin(&line, dst, CONF_SHOWN, 1);
    log_line_raw(&line, "'");
    log_line_text(&line, value);
    log_line_end(&line, "'");
    return dst;
}

static bool is_utf8(const char *text)
{
    size_t left = strlen(text), n;
    uint32_t point;

    while (left > 0) {
        if ((n = utf8_decode(text, left, &point)) == 0) {
            return false;
        }
        text += n;
        left -= n;
    }
    return true;
}

/* What is asked of every text, whatever its option. */
static int check_text(const struct conf_option *option, const char *value,
                      const struct conf_place *place, struct err *err)
{
    bool bounded = option->type == CONF_STRING || option->type == CONF_STRINGS;
    size_t max = bounded && option->max > 0 ? (size_t)option->max : LIMIT_CONF_VALUE;
    int ret;

    if (strlen(value) > max) {
        return conf_fail(err, place, option->key, ERR_LIMIT,
                         "the value is longer than %zu bytes; shorten it", max);
    }
    if (!is_utf8(value)) {
        return conf_fail(err, place, option->key, ERR_MALFORMED, "the value is not UTF-8");
    }
    if (bounded && option->check != NULL && (ret = option->check(value, err)) < 0) {
        return conf_locate(err, place, option->key, ret);
    }
    return 0;
}

static int set_bool(const struct conf_option *option, bool *field, const char *value,
                    const struct conf_place *place, struct err *err)
{
    char shown[CONF_SHOWN];

    if (strcasecmp(value, "true") != 0 && strcasecmp(value, "false") != 0) {
        return conf_fail(err, place, option->key, ERR_MALFORMED, "%s is neither true nor false",
                         conf_show(shown, value));
    }
    *field = strcasecmp(value, "true") == 0;
    return 0;
}

static int set_int(const struct conf_option *option, int64_t *field, const char *value,
                   const struct conf_place *place, struct err *err)
{
    const char *digits = value[0] == '-' || value[0] == '+' ? value + 1 : value;
    const char *unit = option->unit != NULL ? option->unit : "";
    const char *space = option->unit != NULL ? " " : "";
    char shown[CONF_SHOWN];
    long long number;
    int ret;

    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        return conf_fail(err, place, option->key, ERR_MALFORMED,
                         "%s is not a whole number; give one from %" PRId64 " to %" PRId64 "%s%s",
                         conf_show(shown, value), option->min, option->max, space, unit);
    }
    errno = 0;
    number = strtoll(value, NULL, 10);
    if (errno != 0 || number < option->min || number > option->max) {
        return conf_fail(err, place, option->key, ERR_RANGE,
                         "%s is out of range; give a number from %" PRId64 " to %" PRId64 "%s%s",
                         conf_show(shown, value), option->min, option->max, space, unit);
    }
    if (option->check != NULL && (ret = option->check(value, err)) < 0) {
        return conf_locate(err, place, option->key, ret);
    }
    *field = number;
    return 0;
}

static int set_copy(char **field, const char *value, struct err *err)
{
    char *copy = strdup(value);

    if (copy == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the configuration");
    }
    free(*field);
    *field = copy;
    return 0;
}

static int set_word(const struct conf_option *option, char **field, const char *value,
                    const struct conf_place *place, struct err *err)
{
    char known[256] = "", shown[CONF_SHOWN];
    size_t len = 0;

    for (const char *const *word = option->words; *word != NULL; word++) {
        if (strcasecmp(*word, value) == 0) {
            return set_copy(field, *word, err);
        }
    }
    for (const char *const *word = option->words; *word != NULL && len < sizeof(known); word++) {
        len +=
            (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len > 0 ? ", " : "", *word);
    }
    return conf_fail(err, place, option->key, ERR_UNKNOWN, "%s is not known; use one of %s",
                     conf_show(shown, value), known);
}

int conf_set(const struct conf_option *option, void *base, const char *value,
             const struct conf_place *place, struct err *err)
{
    void *field = conf_field(option, base);
    bool text = option->type == CONF_STRING || option->type == CONF_WORD;
    int ret;

    if (text && value[0] == '\0') {
        return conf_unset(option, base, place, err);
    }
    if ((ret = check_text(option, value, place, err)) < 0) {
        return ret;
    }
    switch (option->type) {
    case CONF_BOOL:
        return set_bool(option, field, value, place, err);
    case CONF_INT:
        return set_int(option, field, value, place, err);
    case CONF_STRING:
        return set_copy(field, value, err);
    case CONF_WORD:
        return set_word(option, field, value, place, err);
    case CONF_STRINGS:
    case CONF_TABLE:
        break;
    }
    return conf_fail(err, place, option->key, ERR_INTERNAL, "a list cannot be set as one value");
}

int conf_unset(const struct conf_option *option, void *base, const struct conf_place *place,
               struct err *err)
{
    bool plain = option->type == CONF_BOOL || option->type == CONF_INT;

    if (plain || option->fallback != NULL) {
        return conf_fail(err, place, option->key, ERR_MALFORMED,
                         "the value is empty; give one, or leave the key out for its default (%s)",
                         option->fallback != NULL ? option->fallback
                         : plain                  ? "false or 0"
                                                  : "");
    }
    conf_reset(option, base);
    return 0;
}

int conf_strings_add(struct conf_strings *strings, const char *item)
{
    char **items;

    if (strings->count >= LIMIT_CONF_LIST) {
        return ERR_LIMIT;
    }
    if ((items = realloc(strings->items, (strings->count + 1) * sizeof(*items))) == NULL) {
        return -ENOMEM;
    }
    strings->items = items;
    if ((items[strings->count] = strdup(item)) == NULL) {
        return -ENOMEM;
    }
    strings->count++;
    return 0;
}

int conf_append(const struct conf_option *option, void *base, const char *value,
                const struct conf_place *place, struct err *err)
{
    int ret;

    if (value[0] == '\0') {
        return conf_fail(err, place, option->key, ERR_MALFORMED,
                         "an entry of the list is empty; give it a value or remove it");
    }
    if ((ret = check_text(option, value, place, err)) < 0) {
        return ret;
    }
    if ((ret = conf_strings_add(conf_field(option, base), value)) == ERR_LIMIT) {
        return conf_fail(err, place, option->key, ret, "more than %d entries; shorten the list",
                         LIMIT_CONF_LIST);
    }
    if (ret < 0) {
        err_set(err, ret, "out of memory while reading the configuration");
    }
    return ret;
}

/* Takes the next item off *rest, white space around it removed; false at the end. A separator
 * may stand last. */
static bool next_item(char **rest, char separator, char **item)
{
    const char *blanks = " \t\r\n";
    char *start = *rest + strspn(*rest, blanks), *end, *stop;

    if (*start == '\0') {
        return false;
    }
    end = start +
          (separator == ' ' ? strcspn(start, blanks) : strcspn(start, (char[]){separator, '\0'}));
    stop = end;
    while (stop > start && strchr(blanks, stop[-1]) != NULL) {
        stop--;
    }
    *rest = *end != '\0' ? end + 1 : end;
    *stop = '\0';
    *item = start;
    return true;
}

static int append_divided(const struct conf_option *option, void *base, const char *text,
                          const struct conf_place *place, struct err *err)
{
    char *copy = strdup(text), *rest = copy, *item;
    int ret = 0;

    if (copy == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading the configuration");
    }
    while (ret == 0 && next_item(&rest, option->separator, &item)) {
        ret = conf_append(option, base, item, place, err);
    }
    free(copy);
    return ret;
}

int conf_set_text(const struct conf_option *option, void *base, const char *text,
                  const struct conf_place *place, struct err *err)
{
    if (option->type == CONF_TABLE) {
        return conf_fail(err, place, option->key, ERR_UNKNOWN,
                         "this can be given in the configuration file only");
    }
    if (option->type != CONF_STRINGS) {
        return conf_set(option, base, text, place, err);
    }
    if (text[0] == '\0') {
        return 0;
    }
    if (option->separator == 0) {
        return conf_append(option, base, text, place, err);
    }
    return append_divided(option, base, text, place, err);
}

void conf_reset(const struct conf_option *option, void *base)
{
    void *field = conf_field(option, base);
    struct conf_strings *strings = field;
    struct conf_table *table = field;
    char **text = field;

    switch (option->type) {
    case CONF_BOOL:
        *(bool *)field = false;
        break;
    case CONF_INT:
        *(int64_t *)field = 0;
        break;
    case CONF_STRING:
    case CONF_WORD:
        free(*text);
        *text = NULL;
        break;
    case CONF_STRINGS:
        for (size_t i = 0; i < strings->count; i++) {
            free(strings->items[i]);
        }
        free(strings->items);
        *strings = (struct conf_strings){0};
        break;
    case CONF_TABLE:
        for (size_t i = 0; i < table->count; i++) {
            conf_clear(option->table, (char *)table->rows + i * option->table->size);
        }
        free(table->rows);
        *table = (struct conf_table){0};
        break;
    }
}

int conf_default(const struct conf_option *option, void *base, struct err *err)
{
    const struct conf_place place = {.source = CONF_FROM_DEFAULT};

    conf_reset(option, base);
    return option->fallback != NULL ? conf_set_text(option, base, option->fallback, &place, err)
                                    : 0;
}

int conf_defaults(const struct conf_schema *schema, void *base, struct err *err)
{
    int ret;

    for (size_t i = 0; i < schema->count; i++) {
        if ((ret = conf_default(&schema->options[i], base, err)) < 0) {
            return ret;
        }
    }
    return 0;
}

void *conf_table_add(const struct conf_schema *row, struct conf_table *table)
{
    char *rows, *last;

    if (table->count >= LIMIT_CONF_ROWS) {
        return NULL;
    }
    if ((rows = realloc(table->rows, (table->count + 1) * row->size)) == NULL) {
        return NULL;
    }
    table->rows = rows;
    last = rows + table->count * row->size;
    memset(last, 0, row->size);
    table->count++;
    return conf_defaults(row, last, NULL) == 0 ? last : NULL;
}

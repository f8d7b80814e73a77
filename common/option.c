#include "common/option.h"

#include <stdbool.h>
#include <string.h>

#include "common/nearest.h"

#define NAME_CAP 64 /* a longer word is near to no name */

/* Whether the word is the option; *value is what stands in the same word, or NULL. */
static bool is_option(const struct option_row *row, const char *word, const char **value)
{
    size_t len = strlen(row->name);
    *value = NULL;
    if (strncmp(word, row->name, len) == 0 && (word[len] == '\0' || word[len] == '=')) {
        *value = word[len] == '=' ? word + len + 1 : NULL;
        return true;
    }
    if (row->letter == 0 || word[0] != '-' || word[1] != row->letter) {
        return false;
    }
    *value = word[2] != '\0' ? word + 2 : NULL;
    return true;
}

const struct option_row *option_find(const struct option_row *rows, size_t row_count,
                                     const char *word)
{
    const char *value;
    for (size_t i = 0; i < row_count; i++) {
        if (is_option(&rows[i], word, &value) && (value == NULL || rows[i].value != NULL)) {
            return &rows[i];
        }
    }
    return NULL;
}

static int check_value(const struct option_row *row, const char *value, struct err *err)
{
    if (*value == '\0') {
        return err_set(err, ERR_UNKNOWN, "the value of %s is empty", row->name);
    }
    if (row->max > 0 && strlen(value) > row->max) {
        return err_set(err, ERR_LIMIT, "%s takes at most %zu octets", row->name, row->max);
    }
    return 0;
}

int option_take(const struct option_row *rows, size_t row_count, void *out, char *const *words,
                size_t word_count, size_t *pos, struct err *err)
{
    const char *word = words[*pos], *value;
    const struct option_row *row = option_find(rows, row_count, word);
    size_t used = 1;
    int ret;

    if (row == NULL || row->offset == OPTION_KEPT) {
        return 0;
    }
    char *field = (char *)out + row->offset;
    is_option(row, word, &value);
    if (row->value == NULL) {
        *(bool *)(void *)field = true;
        *pos += used;
        return 1;
    }
    if (value == NULL) {
        if (word_count - *pos < 2) {
            return err_set(err, ERR_UNKNOWN, "%.100s needs a value after it", word);
        }
        value = words[*pos + 1];
        used = 2;
    }
    if ((ret = check_value(row, value, err)) < 0) {
        return ret;
    }
    *(const char **)(void *)field = value;
    *pos += used;
    return 1;
}

const char *option_nearest(const struct option_row *rows, size_t row_count, const char *word)
{
    char name[NAME_CAP];
    struct nearest near;
    if (strncmp(word, "--", 2) != 0 || strcspn(word, "=") >= sizeof(name)) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    nearest_init(&near, name + 2);
    for (size_t i = 0; i < row_count; i++) {
        nearest_try(&near, rows[i].name + 2);
    }
    const char *found = nearest_found(&near);
    return found != NULL ? found - 2 : NULL;
}

void option_help(const struct option_row *rows, size_t row_count, FILE *out)
{
    for (size_t i = 0; i < row_count; i++) {
        const struct option_row *row = &rows[i];
        char words[64];
        snprintf(words, sizeof(words), "%.*s%s%s%s", row->letter != 0 ? 4 : 0,
                 (const char[]){'-', row->letter, ',', ' ', '\0'}, row->name,
                 row->value != NULL ? " " : "", row->value != NULL ? row->value : "");
        fprintf(out, "  %-24s %s\n", words, row->help);
    }
}

void option_list(const struct option_row *rows, size_t row_count, char *dst, size_t cap)
{
    size_t at = 0;
    dst[0] = '\0';
    for (size_t i = 0; i < row_count && at < cap; i++) {
        at += (size_t)snprintf(dst + at, cap - at, "%s%s%s%s", i > 0 ? ", " : "", rows[i].name,
                               rows[i].value != NULL ? " " : "",
                               rows[i].value != NULL ? rows[i].value : "");
    }
}

const struct option_row option_asks_rows[] = {
    {.name = "--help", .letter = 'h', .offset = OPTION_KEPT, .help = "print what is taken"},
    {.name = "--version", .letter = 'V', .offset = OPTION_KEPT, .help = "print the version"},
};
const size_t option_asks_count = sizeof(option_asks_rows) / sizeof(option_asks_rows[0]);

int option_asks(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const struct option_row *row = option_find(option_asks_rows, option_asks_count, argv[i]);
        if (row != NULL) {
            return row->letter;
        }
    }
    return 0;
}

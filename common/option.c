#include "common/option.h"

#include <stdbool.h>
#include <string.h>

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

int option_take(const struct option_row *rows, size_t row_count, void *out, char *const *words,
                size_t word_count, size_t *pos, struct err *err)
{
    const char *word = words[*pos], *value;
    const struct option_row *row = option_find(rows, row_count, word);
    if (row == NULL || row->offset == OPTION_KEPT) {
        return 0;
    }
    char *field = (char *)out + row->offset;
    is_option(row, word, &value);
    if (row->value == NULL) {
        *(bool *)(void *)field = true;
        ++*pos;
        return 1;
    }
    if (value == NULL) {
        if (word_count - *pos < 2) {
            return err_set(err, ERR_UNKNOWN, "%.100s needs a value after it", word);
        }
        value = words[++*pos];
    }
    ++*pos;
    if (*value == '\0') {
        return err_set(err, ERR_UNKNOWN, "the value of %s is empty", row->name);
    }
    if (row->max > 0 && strlen(value) > row->max) {
        return err_set(err, ERR_LIMIT, "%s takes at most %zu octets", row->name, row->max);
    }
    *(const char **)(void *)field = value;
    return 1;
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

const struct option_row option_asks_rows[] = {
    {"--help", 'h', NULL, OPTION_KEPT, 0, "print what is taken"},
    {"--version", 'V', NULL, OPTION_KEPT, 0, "print the version"},
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

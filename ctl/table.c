#include "ctl/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"

struct table {
    const char *const *heads;
    size_t columns;
    char **cells; /* escaped already */
    size_t count, cap;
    bool failed;
};

struct table *table_new(const char *const *heads)
{
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return NULL;
    }
    table->heads = heads;
    while (heads[table->columns] != NULL) {
        table->columns++;
    }
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}

void table_put(struct table *table, const char *text)
{
    if (table->count == table->cap) {
        size_t cap = table->cap == 0 ? 64 : table->cap * 2;
        char **cells = reallocarray(table->cells, cap, sizeof(cells[0]));
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->cap = cap;
    }
    char *cell = text_escape(text == NULL || *text == '\0' ? "-" : text);
    if (cell == NULL) {
        table->failed = true;
        return;
    }
    table->cells[table->count++] = cell;
}

void table_putf(struct table *table, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        table->failed = true;
        return;
    }
    table_put(table, text);
    free(text);
}

/* A column's head without its mark. */
static int head_length(const char *head)
{
    return (int)strcspn(head, "#");
}

static bool is_number(const struct table *table, size_t column)
{
    const char *head = table->heads[column];
    return head[head_length(head)] == '#';
}

static void print_cell(const struct table *table, size_t column, const char *text, size_t width,
                       FILE *out)
{
    size_t have = text_width(text);
    int pad = have < width ? (int)(width - have) : 0;
    bool last = column + 1 == table->columns;
    if (is_number(table, column)) {
        fprintf(out, "%*s%s%s", pad, "", text, last ? "\n" : "  ");
    } else {
        fprintf(out, "%s%*s%s", text, last ? 0 : pad, "", last ? "\n" : "  ");
    }
}

int table_print(const struct table *table, FILE *out)
{
    size_t *widths = calloc(table->columns + 1, sizeof(widths[0]));
    if (widths == NULL || table->failed || table->columns == 0) {
        free(widths);
        return -ENOMEM;
    }
    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = (size_t)head_length(table->heads[i]);
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t width = text_width(table->cells[i]);
        if (width > widths[i % table->columns]) {
            widths[i % table->columns] = width;
        }
    }
    for (size_t i = 0; i < table->columns; i++) {
        char head[64];
        snprintf(head, sizeof(head), "%.*s", head_length(table->heads[i]), table->heads[i]);
        print_cell(table, i, head, widths[i], out);
    }
    for (size_t i = 0; i < table->count; i++) {
        print_cell(table, i % table->columns, table->cells[i], widths[i % table->columns], out);
    }
    free(widths);
    return 0;
}

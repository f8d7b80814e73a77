/*
 * Aligned columns for people. Cells are foreign text: what a terminal might act on
 * is shown as \xNN, and widths are counted in columns, not octets.
 */
#ifndef CERTMILL_CTL_TABLE_H
#define CERTMILL_CTL_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table;

/* A table with these column heads (NULL-terminated); NULL where memory is short. */
struct table *table_new(const char *const *heads);
void table_free(struct table *table);

/* Appends the next cell, row by row from the left; NULL shows as "-". A failure shows
 * at table_print. */
void table_put(struct table *table, const char *text);
void table_putf(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints heads and rows, columns two blanks apart; numbers (heads that end in `#`, which is not
 * shown) to the right. Returns 0 or -ENOMEM. */
int table_print(const struct table *table, FILE *out);

#endif

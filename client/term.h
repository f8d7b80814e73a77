/*
 * Terminals: whether colours are wanted, and how many columns a text takes.
 */
#ifndef CERTMILL_CLIENT_TERM_H
#define CERTMILL_CLIENT_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum term_shade { TERM_PLAIN, TERM_GREEN, TERM_YELLOW, TERM_RED };

/* Whether lines can be drawn over: a terminal, and TERM says of which kind. */
bool term_moves(FILE *out);
/* Whether to colour: such a terminal, and NO_COLOR unset or empty (no-color.org). */
bool term_colour(FILE *out);

/* What switches a colour on, and what switches all off again; "" unless colour. */
const char *term_shade(bool colour, enum term_shade shade);
const char *term_end(bool colour);

/* A word or sentence of that shade, where out is to be coloured. */
void term_put(FILE *out, enum term_shade shade, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Rows and columns; 24 and 80 where it does not say. */
void term_size(FILE *out, int *rows, int *columns);

/* How many octets of UTF-8 text take at most that many columns; *width, how many they take.
 * Accents that stand above another character take none, East Asian wide ones two. */
size_t term_fit(const char *text, int columns, int *width);

#endif

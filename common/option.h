/*
 * Options of programs that have no configuration file: one table, from which parsing, help, the
 * manual and the completions come.
 */
#ifndef CERTMILL_COMMON_OPTION_H
#define CERTMILL_COMMON_OPTION_H

#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

#define OPTION_KEPT ((size_t)-1) /* as offset: left among the words, for one command to read */

struct option_row {
    const char *name;  /* "--limit" */
    char letter;       /* 'l' for -l, or 0 */
    const char *value; /* "NUMBER" for help, or NULL: it takes none */
    size_t offset;     /* of the const char * (or, without a value, bool) in the caller's struct */
    size_t max;        /* octets of a value at most; 0: any number */
    const char *help;  /* a sentence without a full stop */
};

/* Reads the option that words[*pos] is into out, its value behind `=`, behind the letter or in the
 * next word, and moves *pos behind it. Values point into words. Returns 1; 0 where it is no option
 * of rows, or one with OPTION_KEPT; ERR_UNKNOWN: its value is missing or empty; ERR_LIMIT. */
int option_take(const struct option_row *rows, size_t row_count, void *out, char *const *words,
                size_t word_count, size_t *pos, struct err *err);

/* The row that the word names, whatever its value; NULL: none. */
const struct option_row *option_find(const struct option_row *rows, size_t row_count,
                                     const char *word);

/* A line for each. */
void option_help(const struct option_row *rows, size_t row_count, FILE *out);

/* What every program can be asked: --help and --version. */
extern const struct option_row option_asks_rows[];
extern const size_t option_asks_count;
/* 'h' where the arguments ask for --help or -h, 'V' for --version or -V, else 0; what
 * stands behind `--` does not count. To be asked before conf_load, which knows neither. */
int option_asks(int argc, char *const *argv);

#endif

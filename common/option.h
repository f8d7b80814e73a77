/*
 * Options that are no keys of a configuration: one table a program, from which parsing, help, the
 * manual and the completions come. Programs with a configuration read theirs by conf_load, whose
 * options take more from the command line (a boolean's value, a repeated list).
 */
#ifndef CERTMILL_COMMON_OPTION_H
#define CERTMILL_COMMON_OPTION_H

#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

#define OPTION_KEPT ((size_t)-1) /* as offset: left among the words, for the caller to answer */

struct option_row {
    const char *name;  /* "--limit" */
    char letter;       /* 'l' for -l, or 0 */
    const char *value; /* "NUMBER" for help, or NULL: it takes none */
    const char *const
        *words;       /* values that are known, for the completions; NULL-terminated, or NULL */
    size_t offset;    /* of the const char * (or, without a value, bool) in the caller's struct */
    size_t max;       /* octets of a value at most; 0: any number */
    const char *help; /* a sentence without a full stop */
};

/* Reads the option that words[*pos] is into out, its value behind `=`, behind the letter or in the
 * next word, and moves *pos behind it. Values point into words. Returns 1; 0 where it is no option
 * of rows, or one with OPTION_KEPT; ERR_UNKNOWN: its value is missing or empty; ERR_LIMIT. At 0 and
 * at an error *pos stays where it is. */
int option_take(const struct option_row *rows, size_t row_count, void *out, char *const *words,
                size_t word_count, size_t *pos, struct err *err);

/* The row that the word names, whatever its value; NULL: none. */
const struct option_row *option_find(const struct option_row *rows, size_t row_count,
                                     const char *word);

/* The name of the row that the word, which names none, may have been meant for; NULL: none. */
const char *option_nearest(const struct option_row *rows, size_t row_count, const char *word);

/* A line for each. */
void option_help(const struct option_row *rows, size_t row_count, FILE *out);
/* All in one: "--limit NUMBER, --json", cut off at cap. */
void option_list(const struct option_row *rows, size_t row_count, char *dst, size_t cap);

/* What every program can be asked: --help and --version. */
extern const struct option_row option_asks_rows[];
extern const size_t option_asks_count;
/* 'h' where the arguments ask for --help or -h, 'V' for --version or -V, else 0; what
 * stands behind `--` does not count. To be asked before conf_load, which knows neither. */
int option_asks(int argc, char *const *argv);

#endif

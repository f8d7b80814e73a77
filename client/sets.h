/*
 * The sets of names that certificates are asked for.
 */
#ifndef CERTMILL_CLIENT_SETS_H
#define CERTMILL_CLIENT_SETS_H

#include <stdbool.h>
#include <stddef.h>

#include "client/files.h"
#include "common/err.h"

struct set {
    char **names; /* normal form (common/domainset.h), in the order given, without doubles */
    size_t count;
    char name[FILES_NAME_MAX + 1]; /* the last octets of the first name: NAME of the files */
};

struct sets {
    struct set *items;
    size_t count;
};

/* Reads one set, names divided by commas, white space around them ignored. ERR_MALFORMED names
 * what is wrong; ERR_LIMIT past LIMIT_NAMES. set_clear frees. */
int set_parse(struct set *out, const char *text, struct err *err);
void set_clear(struct set *set);

/* Reads count of them. ERR_EXISTS where two sets would have the same files. With add_www, www.NAME
 * goes behind the names of each set that has a NAME of two labels (example.org; what is a
 * registered domain nobody here knows), except where a set has it already, or the set has *.NAME,
 * beside which CAs refuse it. */
int sets_parse(struct sets *out, char *const *texts, size_t count, bool add_www, struct err *err);
void sets_clear(struct sets *sets);

#endif

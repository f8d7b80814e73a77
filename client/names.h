/*
 * The names of all sets, each once.
 */
#ifndef CERTMILL_CLIENT_NAMES_H
#define CERTMILL_CLIENT_NAMES_H

#include <stdbool.h>

#include "client/sets.h"

struct names {
    char **items; /* within the sets; in their order */
    size_t count;
};

/* without_wildcards: of *.NAME only NAME, which shares its records. -ENOMEM; names_clear frees. */
int names_of_sets(struct names *out, const struct sets *sets, bool without_wildcards);
void names_clear(struct names *names);

/* NAME of *.NAME, else the name itself. */
const char *names_plain(const char *name);

#endif

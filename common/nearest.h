/*
 * How far apart two words are, for "did you mean".
 */
#ifndef CERTMILL_COMMON_NEAREST_H
#define CERTMILL_COMMON_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Levenshtein's distance without regard to case, of at most 64 octets of each. */
size_t nearest_distance(const char *a, const char *b);

/* Whether that distance from a word of len octets is near enough for a suggestion. */
bool nearest_is_close(size_t distance, size_t len);

/* The nearest of several words to one; none of the strings is copied. */
struct nearest {
    const char *word, *best; /* best: NULL until one was tried */
    size_t least;
};

void nearest_init(struct nearest *n, const char *word);
void nearest_try(struct nearest *n, const char *candidate);
/* The best one where it is near enough, else NULL. */
const char *nearest_found(const struct nearest *n);

#endif

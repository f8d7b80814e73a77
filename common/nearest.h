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

#endif

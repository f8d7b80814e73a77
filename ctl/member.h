/*
 * Members of an answer, whatever is missing or of another type.
 */
#ifndef CERTMILL_CTL_MEMBER_H
#define CERTMILL_CTL_MEMBER_H

#include <jansson.h>

/* The string, or NULL. */
const char *member_string(const json_t *object, const char *name);
/* The integer, or -1. */
json_int_t member_integer(const json_t *object, const char *name);
/* An integer as text in dst[cap], or NULL. */
const char *member_digits(const json_t *object, const char *name, char *dst, size_t cap);
/* A list of strings joined by ", "; malloc'd, NULL where there is none or no memory. */
char *member_joined(const json_t *object, const char *name);
/* The same for a table: where it is long, the first item and how many more. */
char *member_joined_short(const json_t *object, const char *name);

#endif

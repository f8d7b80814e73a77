/*
 * Text for people, put together from ours and foreign parts within a bound. Errors are sticky: one
 * check, at say_take.
 */
#ifndef CERTMILL_ISSUER_SAY_H
#define CERTMILL_ISSUER_SAY_H

#include <stddef.h>

struct say {
    char *text; /* terminated, or NULL where empty */
    size_t len, cap, max;
    int error; /* 0 or -ENOMEM */
};

/* max: bytes without the NUL; what is beyond is left out, silently. */
void say_init(struct say *say, size_t max);
void say_clear(struct say *say);
void say_add(struct say *say, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* At most max bytes of s; what is not UTF-8 becomes "?"; runs of white space and control characters
 * (C0, DEL, C1) become one space, so that a foreign string cannot forge a line or drive a terminal.
 */
void say_add_foreign(struct say *say, const char *s, size_t max);
/* The text (never NULL but on -ENOMEM), the caller's to free; say is empty again. */
char *say_take(struct say *say);

#endif

/*
 * Text for people, put together from ours and foreign parts within a bound. Errors are sticky: one
 * check, at words_take.
 */
#ifndef CERTMILL_ISSUER_WORDS_H
#define CERTMILL_ISSUER_WORDS_H

#include <stddef.h>

struct words {
    char *text; /* terminated, or NULL where empty */
    size_t len, cap, max;
    int error; /* 0 or -ENOMEM */
};

/* max: bytes without the NUL; what is beyond is left out, silently. */
void words_init(struct words *words, size_t max);
void words_clear(struct words *words);
void words_add(struct words *words, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* At most max bytes of s, UTF-8 or not; runs of white space and control characters (C0, DEL,
 * C1) become one space, so that a foreign string cannot forge a line or drive a terminal. */
void words_add_foreign(struct words *words, const char *s, size_t max);
/* The text (never NULL but on -ENOMEM), the caller's to free; words is empty again. */
char *words_take(struct words *words);

#endif

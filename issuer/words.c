#include "issuer/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void words_init(struct words *words, size_t max)
{
    *words = (struct words){.max = max};
}

void words_clear(struct words *words)
{
    free(words->text);
    words_init(words, words->max);
}

/* Makes room for up to n bytes more; returns how many of them may be written. */
static size_t reserve(struct words *words, size_t n)
{
    if (words->error != 0)
        return 0;
    if (n > words->max - words->len)
        n = words->max - words->len;
    if (words->text != NULL && n < words->cap - words->len)
        return n;
    size_t cap = words->len + n + 1 > 2 * words->cap ? words->len + n + 1 : 2 * words->cap;
    char *text = realloc(words->text, cap);
    if (text == NULL) {
        words->error = -ENOMEM;
        return 0;
    }
    words->text = text;
    words->cap = cap;
    text[words->len] = '\0';
    return n;
}

static void append(struct words *words, const char *s, size_t n)
{
    n = reserve(words, n);
    if (n == 0)
        return;
    memcpy(words->text + words->len, s, n);
    words->len += n;
    words->text[words->len] = '\0';
}

void words_add(struct words *words, const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0) {
        words->error = -ENOMEM;
        return;
    }
    append(words, s, (size_t)n);
    free(s);
}

void words_add_foreign(struct words *words, const char *s, size_t max)
{
    bool gap = false, first = true;

    for (size_t i = 0; i < max && s[i] != '\0'; i++) {
        unsigned char c = (unsigned char)s[i];
        unsigned char next = i + 1 < max ? (unsigned char)s[i + 1] : 0;
        bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f;
        if (c <= ' ' || c == 0x7f || c1) {
            gap = true;
            i += c1;
            continue;
        }
        if (gap && !first)
            append(words, " ", 1);
        gap = first = false;
        append(words, &s[i], 1);
    }
}

char *words_take(struct words *words)
{
    reserve(words, 0);
    if (words->error != 0) {
        words_clear(words);
        return NULL;
    }
    char *text = words->text;
    words_init(words, words->max);
    return text;
}

#include "issuer/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

void say_init(struct say *say, size_t max)
{
    *say = (struct say){.max = max};
}

void say_clear(struct say *say)
{
    free(say->text);
    say_init(say, say->max);
}

/* Makes room for up to n bytes more; returns how many of them may be written. */
static size_t reserve(struct say *say, size_t n)
{
    if (say->error != 0) {
        return 0;
    }
    if (n > say->max - say->len) {
        n = say->max - say->len;
    }
    if (say->text != NULL && n < say->cap - say->len) {
        return n;
    }
    size_t cap = say->len + n + 1 > 2 * say->cap ? say->len + n + 1 : 2 * say->cap;
    char *text = realloc(say->text, cap);
    if (text == NULL) {
        say->error = -ENOMEM;
        return 0;
    }
    say->text = text;
    say->cap = cap;
    text[say->len] = '\0';
    return n;
}

static void append(struct say *say, const char *s, size_t len)
{
    size_t n = reserve(say, len);

    while (n > 0 && n < len && ((unsigned char)s[n] & 0xc0) == 0x80) {
        n--; /* not half a character */
    }
    if (n == 0) {
        return;
    }
    memcpy(say->text + say->len, s, n);
    say->len += n;
    say->text[say->len] = '\0';
}

void say_add(struct say *say, const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0) {
        say->error = -ENOMEM;
        return;
    }
    append(say, s, (size_t)n);
    free(s);
}

void say_add_foreign(struct say *say, const char *s, size_t max)
{
    size_t len = strnlen(s, max);
    bool gap = false, first = true;
    uint32_t point;

    for (size_t i = 0, n; i<len; i += n> 0 ? n : 1) {
        n = utf8_decode(s + i, len - i, &point);
        if (n > 0 && (point <= ' ' || (point >= 0x7f && point <= 0x9f))) {
            gap = true;
            continue;
        }
        if (gap && !first) {
            append(say, " ", 1);
        }
        gap = first = false;
        append(say, n > 0 ? &s[i] : "?", n > 0 ? n : 1);
    }
}

char *say_take(struct say *say)
{
    reserve(say, 0);
    if (say->error != 0) {
        say_clear(say);
        return NULL;
    }
    char *text = say->text;
    say_init(say, say->max);
    return text;
}

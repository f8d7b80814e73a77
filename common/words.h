/*
 * One line of text into words, as a POSIX shell splits it (XCU 2.2, 2.3) but
 * without any expansion: no variable, pattern, command, comment or operator
 * means anything. Blanks divide; single quotes keep all, double quotes all but a
 * backslash before $ ` " \; a backslash elsewhere keeps the next character.
 */
#ifndef CERTMILL_COMMON_WORDS_H
#define CERTMILL_COMMON_WORDS_H

#include <stddef.h>

#include "common/err.h"

struct words {
    char **items; /* count words and a NULL after them, as execvp(3) takes them */
    size_t count;
    char *text; /* what items point into */
};

/* Splits text, at most LIMIT_COMMAND octets and LIMIT_WORDS words. blanks: the characters
 * that divide words (" " or " \t\n"). ERR_MALFORMED for an open quote, a backslash at the
 * end, a control character that is no blank, or text that is not UTF-8; ERR_LIMIT;
 * -ENOMEM. err says which. On error *out is empty; words_clear frees. */
int words_split(struct words *out, const char *text, const char *blanks, struct err *err);
void words_clear(struct words *words);

#endif

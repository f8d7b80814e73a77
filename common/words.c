#include "common/words.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

static int is_utf8(const char *text, size_t len)
{
    uint32_t point;
    for (size_t n; len > 0; text += n, len -= n) {
        if ((n = utf8_decode(text, len, &point)) == 0) {
            return 0;
        }
    }
    return 1;
}

static int check_text(const char *text, size_t len, const char *blanks, struct err *err)
{
    if (len > LIMIT_COMMAND) {
        return err_set(err, ERR_LIMIT, "the command has %zu octets, at most %d are taken", len,
                       LIMIT_COMMAND);
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 || c == 0x7f) && strchr(blanks, c) == NULL) {
            return err_set(err, ERR_MALFORMED,
                           "the command holds the control character \\x%02x at position %zu", c,
                           i + 1);
        }
    }
    if (!is_utf8(text, len)) {
        return err_set(err, ERR_MALFORMED, "the command is not UTF-8");
    }
    return 0;
}

struct splitter {
    const char *in;
    char *out;
    char quote; /* 0, ' or " */
    const char *blanks;
};

static int is_blank(const struct splitter *s, char c)
{
    return c != '\0' && strchr(s->blanks, c) != NULL;
}

/* Takes what follows a backslash. */
static int split_escape(struct splitter *s, struct err *err)
{
    char c = s->in[1];
    if (c == '\0') {
        return err_set(err, ERR_MALFORMED, "the command ends in a backslash");
    }
    s->in += 2;
    if (c == '\n') { /* a line that goes on */
        return 0;
    }
    if (s->quote == '"' && strchr("$`\"\\", c) == NULL) {
        *s->out++ = '\\';
    }
    *s->out++ = c;
    return 0;
}

/* Takes one word; s->in stands on its first character. */
static int split_word(struct splitter *s, struct err *err)
{
    while (*s->in != '\0' && (s->quote != 0 || !is_blank(s, *s->in))) {
        char c = *s->in;
        int ret;
        if (c == '\\' && s->quote != '\'') {
            if ((ret = split_escape(s, err)) < 0) {
                return ret;
            }
            continue;
        }
        s->in++;
        if (s->quote == 0 && (c == '\'' || c == '"')) {
            s->quote = c;
        } else if (c == s->quote) {
            s->quote = 0;
        } else {
            *s->out++ = c;
        }
    }
    if (s->quote != 0) {
        return err_set(err, ERR_MALFORMED, "a quote (%c) in the command is not closed", s->quote);
    }
    if (*s->in != '\0') {
        s->in++;
    }
    *s->out++ = '\0';
    return 0;
}

static int split_all(struct words *out, struct splitter *s, struct err *err)
{
    for (;;) {
        while (is_blank(s, *s->in) || (s->in[0] == '\\' && s->in[1] == '\n')) {
            s->in++;
        }
        if (*s->in == '\0') {
            return 0;
        }
        if (out->count == LIMIT_WORDS) {
            return err_set(err, ERR_LIMIT, "the command has more than %d words", LIMIT_WORDS);
        }
        out->items[out->count++] = s->out;
        int ret = split_word(s, err);
        if (ret < 0) {
            return ret;
        }
    }
}

int words_split(struct words *out, const char *text, const char *blanks, struct err *err)
{
    *out = (struct words){0};
    size_t len = strlen(text);
    int ret = check_text(text, len, blanks, err);
    if (ret < 0) {
        return ret;
    }
    /* A word is never longer than its text, and a blank makes room for its NUL. */
    out->text = malloc(len + 1);
    out->items = calloc(LIMIT_WORDS + 1, sizeof(out->items[0]));
    if (out->text == NULL || out->items == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else {
        struct splitter s = {.in = text, .out = out->text, .blanks = blanks};
        ret = split_all(out, &s, err);
    }
    if (ret < 0) {
        words_clear(out);
    }
    return ret;
}

void words_clear(struct words *words)
{
    free(words->items);
    free(words->text);
    *words = (struct words){0};
}

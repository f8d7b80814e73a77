#include "common/cookie_secrets.h"

#include <stdbool.h>
#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* len: without the line's end. */
static int read_secret(uint8_t *key, const char *line, size_t len)
{
    if (len != (size_t)2 * COOKIE_SECRET) {
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < COOKIE_SECRET; i++) {
        int high = digit(line[2 * i]), low = digit(line[2 * i + 1]);

        if (high < 0 || low < 0) {
            return ERR_MALFORMED;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t trim(const char **line, size_t len)
{
    while (len > 0 && is_blank((*line)[len - 1])) {
        len--;
    }
    while (len > 0 && is_blank(**line)) {
        (*line)++;
        len--;
    }
    return len;
}

int cookie_secrets_parse(struct cookie_secrets *secrets, const char *text, size_t len,
                         struct err *err)
{
    unsigned number = 0;
    int ret = 0;

    memset(secrets, 0, sizeof(*secrets));
    while (ret == 0 && len > 0) {
        const char *end = memchr(text, '\n', len), *line = text;
        size_t all = end != NULL ? (size_t)(end - text) : len;
        size_t n = trim(&line, all);

        number++;
        if (n > 0 && *line != '#') {
            if (secrets->count == LIMIT_COOKIE_SECRETS) {
                ret = err_set(err, ERR_LIMIT, "line %u: more than %d secrets", number,
                              LIMIT_COOKIE_SECRETS);
            } else if (read_secret(secrets->key[secrets->count++], line, n) < 0) {
                ret = err_set(err, ERR_MALFORMED,
                              "line %u: a secret has 32 hexadecimal digits (openssl rand -hex 16)",
                              number);
            }
        }
        all += end != NULL;
        text += all;
        len -= all;
    }
    if (ret == 0 && secrets->count == 0) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "there is no secret in it; write one (openssl rand -hex 16)");
    }
    if (ret < 0) {
        explicit_bzero(secrets, sizeof(*secrets));
    }
    return ret;
}

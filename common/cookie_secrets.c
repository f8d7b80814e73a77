#include "common/cookie_secrets.h"

#include <stdbool.h>
#include <string.h>

#include "common/encode.h"

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
            } else if (n != (size_t)2 * COOKIE_SECRET ||
                       hex_decode(secrets->key[secrets->count++], line, COOKIE_SECRET) < 0) {
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

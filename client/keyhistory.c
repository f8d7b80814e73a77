#include "client/keyhistory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/install_dir.h"
#include "common/encode.h"
#include "common/file.h"

#define HEAD      "certmill keys 1\n"
#define LINE_ROOM (40 + 2 * LIMIT_SPKI) /* time, reason, digits */
#define FILE_MAX  (sizeof(HEAD) + LIMIT_KEY_HISTORY * (size_t)LINE_ROOM)

static const char *const whys[KEYHISTORY_WHYS] = {"replaced", "abandoned"};

const char *keyhistory_why_name(enum keyhistory_why why)
{
    return whys[why];
}

void keyhistory_clear(struct keyhistory *history)
{
    for (size_t i = 0; i < history->count; i++) {
        free(history->keys[i].spki);
    }
    *history = (struct keyhistory){0};
}

/* Takes a decimal number that ends in a blank off the text. */
static int take_time(const char **p, const char *end, int64_t *value)
{
    int64_t n = 0;
    const char *at = *p;
    while (at < end && *at >= '0' && *at <= '9' && at - *p < 12) {
        n = n * 10 + (*at++ - '0');
    }
    if (at == *p || at == end || *at != ' ') {
        return ERR_MALFORMED;
    }
    *value = n;
    *p = at + 1;
    return 0;
}

static int take_why(const char **p, const char *end, enum keyhistory_why *why)
{
    for (int i = 0; i < KEYHISTORY_WHYS; i++) {
        size_t len = strlen(whys[i]);
        if ((size_t)(end - *p) > len && memcmp(*p, whys[i], len) == 0 && (*p)[len] == ' ') {
            *why = (enum keyhistory_why)i;
            *p += len + 1;
            return 0;
        }
    }
    return ERR_MALFORMED;
}

/* One line, without its end. */
static int take_line(struct keyhistory *out, const char *p, const char *end)
{
    struct keyhistory_key key = {0};
    size_t digits;
    if (take_time(&p, end, &key.ended) < 0 || take_why(&p, end, &key.why) < 0) {
        return ERR_MALFORMED;
    }
    digits = (size_t)(end - p);
    if (digits == 0 || digits % 2 != 0 || digits > (size_t)2 * LIMIT_SPKI) {
        return ERR_MALFORMED;
    }
    key.len = digits / 2;
    if ((key.spki = malloc(key.len)) == NULL) {
        return -ENOMEM;
    }
    if (hex_decode(key.spki, p, key.len) < 0) {
        free(key.spki);
        return ERR_MALFORMED;
    }
    out->keys[out->count++] = key;
    return 0;
}

static int parse_failed(int code, unsigned line, struct err *err)
{
    switch (code) {
    case ERR_MALFORMED:
        return err_set(err, code, "line %u is not one of certmill's", line);
    case ERR_LIMIT:
        return err_set(err, code, "it has more than %d keys", LIMIT_KEY_HISTORY);
    default:
        return err_set(err, code, "%s", err_string(code));
    }
}

int keyhistory_parse(struct keyhistory *out, const char *text, size_t len, struct err *err)
{
    const char *p = text, *end = text + len;
    *out = (struct keyhistory){0};
    if (len < strlen(HEAD) || memcmp(text, HEAD, strlen(HEAD)) != 0) {
        return err_set(err, ERR_VERSION, "it does not begin with 'certmill keys 1'");
    }
    p += strlen(HEAD);
    for (unsigned line = 2; p < end; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        int ret = out->count == LIMIT_KEY_HISTORY ? ERR_LIMIT
                  : stop == NULL                  ? ERR_MALFORMED
                                                  : take_line(out, p, stop);
        if (ret < 0) {
            keyhistory_clear(out);
            return parse_failed(ret, line, err);
        }
        p = stop + 1;
    }
    return 0;
}

char *keyhistory_text(const struct keyhistory *history, size_t *len)
{
    char *text = malloc(FILE_MAX), *p = text;
    if (text == NULL) {
        return NULL;
    }
    p = stpcpy(p, HEAD);
    for (size_t i = 0; i < history->count; i++) {
        const struct keyhistory_key *key = &history->keys[i];
        p += snprintf(p, 40, "%" PRId64 " %s ", key->ended, whys[key->why]);
        hex_encode(p, key->spki, key->len);
        p += 2 * key->len;
        *p++ = '\n';
    }
    *p = '\0';
    *len = (size_t)(p - text);
    return text;
}

static void drop(struct keyhistory *history, size_t i)
{
    free(history->keys[i].spki);
    history->count--;
    memmove(&history->keys[i], &history->keys[i + 1],
            (history->count - i) * sizeof(history->keys[0]));
}

int keyhistory_put(struct keyhistory *history, int64_t ended, enum keyhistory_why why,
                   const uint8_t *spki, size_t len)
{
    if (len == 0 || len > LIMIT_SPKI || ended < 0) {
        return ERR_RANGE;
    }
    uint8_t *copy = malloc(len);
    if (copy == NULL) {
        return -ENOMEM;
    }
    memcpy(copy, spki, len);
    for (size_t i = history->count; i > 0; i--) {
        const struct keyhistory_key *key = &history->keys[i - 1];
        if (key->len == len && memcmp(key->spki, spki, len) == 0) {
            drop(history, i - 1);
        }
    }
    if (history->count == LIMIT_KEY_HISTORY) {
        drop(history, 0);
    }
    history->keys[history->count++] =
        (struct keyhistory_key){.ended = ended, .why = why, .spki = copy, .len = len};
    return 0;
}

static void path_of(char dst[static 320], const struct files *files)
{
    snprintf(dst, 320, INSTALL_FOLDER "/%.*s.%s/history", FILES_NAME_MAX, files->name,
             key_type_name(files->type));
}

int keyhistory_read(struct keyhistory *out, const struct files *files, struct err *err)
{
    char path[320], *text;
    size_t len;
    path_of(path, files);
    *out = (struct keyhistory){0};
    int ret = file_read(files->folder, path, FILE_MAX, &text, &len, err);
    if (ret == -ENOENT) {
        if (err != NULL) {
            *err = (struct err){0};
        }
        return 0;
    }
    if (ret == 0) {
        if ((ret = keyhistory_parse(out, text, len, err)) < 0) {
            err_prefix(err, "%s/%s", files->path, path);
        }
        free(text);
    }
    return ret;
}

int keyhistory_add(const struct files *files, int64_t ended, enum keyhistory_why why,
                   const uint8_t *spki, size_t len, struct err *err)
{
    char path[320], *text = NULL;
    struct keyhistory history;
    size_t text_len;
    int ret = keyhistory_read(&history, files, err);
    if (ret < 0) {
        return ret;
    }
    path_of(path, files);
    if ((ret = keyhistory_put(&history, ended, why, spki, len)) < 0) {
        err_set(err, ret, "%s/%s: %s", files->path, path, err_string(ret));
    } else if ((text = keyhistory_text(&history, &text_len)) == NULL) {
        ret = err_set(err, -ENOMEM, "out of memory");
    } else if ((ret = file_write_atomic(files->folder, path, text, text_len, FILE_MODE, err)) < 0) {
        err_prefix(err, "%s", files->path);
    }
    free(text);
    keyhistory_clear(&history);
    return ret;
}

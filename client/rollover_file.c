/*
 * The text of client/rollover, and its file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/rollover.h"
#include "common/file.h"

#define HEAD       "certmill roll-over 1"
#define END        "end\n"
#define LINE_ROOM  (LIMIT_DOMAIN_TEXT + 64)
#define OWNERS_MAX ((size_t)LIMIT_ROLLOVER_SERVICES * LIMIT_NAMES * 2) /* a set may change */
#define FILE_MAX   ((OWNERS_MAX + LIMIT_ROLLOVER_SERVICES + 4) * LINE_ROOM)

/* A decimal number, all of the word. */
static bool number(const char *word, int64_t max, int64_t *value)
{
    size_t len = strlen(word);
    if (len == 0 || len > 12 || strspn(word, "0123456789") != len) {
        return false;
    }
    *value = strtoll(word, NULL, 10);
    return *value <= max;
}

static bool take_key(struct rollover *out, char *const *words)
{
    if (out->key[0] != '\0' || strlen(words[1]) != ROLLOVER_DIGEST ||
        strspn(words[1], "0123456789abcdef") != ROLLOVER_DIGEST) {
        return false;
    }
    memcpy(out->key, words[1], ROLLOVER_DIGEST + 1);
    return true;
}

static bool take_staged(struct rollover *out, char *const *words)
{
    return out->staged == 0 && number(words[1], INT64_MAX, &out->staged);
}

static bool take_service(struct rollover *out, char *const *words)
{
    struct tlsa_service *s = &out->services[out->service_count];
    if (out->service_count == LIMIT_ROLLOVER_SERVICES || !number(words[1], 65535, &s->port) ||
        s->port == 0 ||
        (strcmp(words[2], "tcp") != 0 && strcmp(words[2], "udp") != 0 &&
         strcmp(words[2], "sctp") != 0)) {
        return false;
    }
    snprintf(s->protocol, sizeof(s->protocol), "%s", words[2]);
    out->service_count++;
    return true;
}

static bool take_owner(struct rollover *out, char *const *words)
{
    struct rollover_owner o = {.sight = ROLLOVER_SIGHTS};
    int64_t ttl, others;
    for (int i = 0; i < ROLLOVER_SIGHTS; i++) {
        if (strcmp(words[2], rollover_sight_name((enum rollover_sight)i)) == 0) {
            o.sight = (enum rollover_sight)i;
        }
    }
    if (strlen(words[1]) == 0 || strlen(words[1]) > LIMIT_DOMAIN_TEXT ||
        o.sight == ROLLOVER_SIGHTS || !number(words[3], INT64_MAX, &o.since) ||
        !number(words[4], LIMIT_ROLLOVER_TTL, &ttl) || !number(words[5], 1, &others) ||
        rollover_find(out, words[1]) != NULL || out->count == OWNERS_MAX) {
        return false;
    }
    struct rollover_owner *owners = realloc(out->owners, (out->count + 1) * sizeof(*owners));
    if (owners == NULL) {
        return false;
    }
    snprintf(o.name, sizeof(o.name), "%s", words[1]);
    o.ttl = (uint32_t)ttl;
    o.others = others == 1;
    out->owners = owners;
    owners[out->count++] = o;
    return true;
}

static const struct {
    const char *word;
    size_t count; /* words of the line */
    bool (*take)(struct rollover *out, char *const *words);
} lines[] = {{"key", 2, take_key},
             {"staged", 2, take_staged},
             {"service", 3, take_service},
             {"owner", 6, take_owner}};

/* One line, NUL-terminated, which is cut into words. */
static bool take_line(struct rollover *out, char *line)
{
    char *words[7];
    size_t count = 0;
    for (char *p = line; p != NULL && count < 7; count++) {
        words[count] = strsep(&p, " ");
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strcmp(words[0], lines[i].word) == 0) {
            return count == lines[i].count && lines[i].take(out, words);
        }
    }
    return false;
}

static int parse_lines(struct rollover *out, char *text, const char *end, struct err *err)
{
    char *p = text;
    for (unsigned n = 1; p < end; n++) {
        char *stop = memchr(p, '\n', (size_t)(end - p));
        if (stop != NULL) {
            *stop = '\0';
        }
        if (n == 1 && (stop == NULL || strcmp(p, HEAD) != 0)) {
            return err_set(err, ERR_VERSION, "it does not begin with '" HEAD "'");
        }
        if (n > 1 && (stop == NULL || strlen(p) != (size_t)(stop - p) || !take_line(out, p))) {
            return err_set(err, ERR_MALFORMED, "line %u is not one of certmill's", n);
        }
        p = stop + 1;
    }
    if (out->key[0] == '\0' || out->staged == 0) {
        return err_set(err, ERR_MALFORMED, "it does not say which key it is of, and since when");
    }
    return 0;
}

int rollover_parse(struct rollover *out, const char *text, size_t len, struct err *err)
{
    const size_t tail = strlen(END);
    *out = (struct rollover){0};
    if (len > FILE_MAX) {
        return err_set(err, ERR_LIMIT, "it is larger than %zu octets", (size_t)FILE_MAX);
    }
    char *copy = malloc(len + 1);
    if (copy == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    bool whole = len >= tail && memcmp(copy + len - tail, END, tail) == 0;
    int ret = parse_lines(out, copy, copy + len - (whole ? tail : 0), err);
    if (ret == 0 && !whole) {
        ret = err_set(err, ERR_MALFORMED, "it is torn: its last line, 'end', is missing");
    }
    if (ret < 0) {
        rollover_clear(out);
    }
    free(copy);
    return ret;
}

char *rollover_text(const struct rollover *r, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL) {
        return NULL;
    }
    fprintf(out, HEAD "\nkey %s\nstaged %" PRId64 "\n", r->key, r->staged);
    for (size_t i = 0; i < r->service_count; i++) {
        fprintf(out, "service %d %s\n", (int)r->services[i].port, r->services[i].protocol);
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct rollover_owner *o = &r->owners[i];
        fprintf(out, "owner %s %s %" PRId64 " %u %d\n", o->name, rollover_sight_name(o->sight),
                o->since, o->ttl, o->others ? 1 : 0);
    }
    fputs(END, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void path_of(char dst[static 320], const struct files *files)
{
    snprintf(dst, 320, INSTALL_FOLDER "/%.*s.%s/rollover", FILES_NAME_MAX, files->name,
             key_type_name(files->type));
}

int rollover_read(struct rollover *out, const struct files *files, struct err *err)
{
    char path[320], *text;
    size_t len;
    *out = (struct rollover){0};
    path_of(path, files);
    int ret = file_read(files->folder, path, FILE_MAX, &text, &len, err);
    if (ret == 0) {
        if ((ret = rollover_parse(out, text, len, err)) < 0) {
            err_prefix(err, "%s/%s", files->path, path);
        }
        free(text);
    }
    return ret;
}

int rollover_write(const struct rollover *rollover, const struct files *files, struct err *err)
{
    char path[320];
    size_t len;
    char *text = rollover_text(rollover, &len);
    if (text == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    path_of(path, files);
    int ret = file_write_atomic(files->folder, path, text, len, FILE_MODE, err);
    free(text);
    return ret < 0 ? err_prefix(err, "%s", files->path) : 0;
}

int rollover_remove(const struct files *files)
{
    char path[320];
    path_of(path, files);
    return unlinkat(files->folder, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

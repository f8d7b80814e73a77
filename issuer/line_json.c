#include "issuer/line_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/utf8.h"

#define VERSION 1

static const struct line_member *find_member(const struct line_member *members, size_t count,
                                             const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static bool type_fits(const struct line_member *member, const json_t *value)
{
    switch (member->type) {
    case LINE_STRING:
        return json_is_string(value);
    case LINE_BOOLEAN:
        return json_is_boolean(value);
    default:
        return json_is_integer(value);
    }
}

static int check_member(const char *name, const json_t *value, const struct line_member *members,
                        size_t count, struct err *err)
{
    const struct line_member *member = find_member(members, count, name);

    if (strcmp(name, "v") == 0) {
        return json_is_integer(value) && json_integer_value(value) == VERSION
                   ? 0
                   : err_set(err, ERR_VERSION,
                             "the request is of another version of the protocol; this server "
                             "speaks version %d",
                             VERSION);
    }
    if (strcmp(name, "op") == 0) {
        return json_is_string(value)
                   ? 0
                   : err_set(err, ERR_MALFORMED, "\"op\" in the request is not a string");
    }
    if (member == NULL) {
        return err_set(err, ERR_UNKNOWN, "the request has the unknown member \"%.64s\"", name);
    }
    if (!type_fits(member, value)) {
        return err_set(err, ERR_MALFORMED, "\"%s\" in the request is of the wrong type", name);
    }
    return 0;
}

static int check(json_t *object, const struct line_member *members, size_t count, struct err *err)
{
    const char *name;
    json_t *value;
    int ret;

    if (!json_is_object(object)) {
        return err_set(err, ERR_MALFORMED, "the request is not a JSON object");
    }
    json_object_foreach(object, name, value)
    {
        if ((ret = check_member(name, value, members, count, err)) < 0) {
            return ret;
        }
    }
    if (json_object_get(object, "v") == NULL || json_object_get(object, "op") == NULL) {
        return err_set(err, ERR_MALFORMED, "the request lacks \"v\" or \"op\"");
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i].required && json_object_get(object, members[i].name) == NULL) {
            return err_set(err, ERR_MALFORMED, "the request lacks \"%s\"", members[i].name);
        }
    }
    return 0;
}

int line_json_parse(json_t **out, const char *text, size_t len, const struct line_member *members,
                    size_t count, struct err *err)
{
    json_error_t error;
    json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    int ret;

    *out = NULL;
    if (object == NULL) {
        /* jansson's own words would quote the input, which may hold anything */
        return err_set(err, ERR_MALFORMED, "the request is not a line of JSON: wrong at octet %d",
                       error.position);
    }
    if ((ret = check(object, members, count, err)) < 0) {
        json_decref(object);
        return ret;
    }
    *out = object;
    return 0;
}

/* -- answers -- */

static json_t *repaired(const char *text)
{
    size_t len = strlen(text), used = 0;
    char *copy = malloc(3 * len + 1);
    json_t *string;
    uint32_t point;

    if (copy == NULL) {
        return NULL;
    }
    while (len > 0) {
        size_t n = utf8_decode(text, len, &point);

        memcpy(copy + used, n > 0 ? text : "\xef\xbf\xbd", n > 0 ? n : 3);
        used += n > 0 ? n : 3;
        text += n > 0 ? n : 1;
        len -= n > 0 ? n : 1;
    }
    string = json_stringn(copy, used);
    free(copy);
    return string;
}

json_t *line_json_string(const char *text)
{
    json_t *string;

    if (text == NULL) {
        return json_null();
    }
    string = json_string(text);
    return string != NULL ? string : repaired(text);
}

json_t *line_json_time(int64_t unix_us)
{
    time_t seconds = (time_t)(unix_us / 1000000);
    char date[32], text[48];
    struct tm tm;

    if (unix_us < 0 || gmtime_r(&seconds, &tm) == NULL) {
        return json_null();
    }
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text, sizeof text, "%s.%06dZ", date, (int)(unix_us % 1000000));
    return json_string(text);
}

json_t *line_json_seconds(int64_t unix_s)
{
    time_t seconds = (time_t)unix_s;
    struct tm tm;
    char text[32];

    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return json_null();
    }
    return json_string(text);
}

char *line_json_dump(json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    return text;
}

char *line_json_error(const char *kind, const char *message)
{
    return line_json_dump(json_pack("{s:s, s:s, s:o}", "result", "error", "kind", kind, "message",
                                    line_json_string(message)));
}

char *line_json_output(const char *output)
{
    return line_json_dump(
        json_pack("{s:s, s:o}", "result", "ok", "output", line_json_string(output)));
}

const char *line_json_kind(int code)
{
    switch (code) {
    case ERR_MALFORMED:
    case ERR_LIMIT:
    case ERR_RANGE:
    case ERR_UNKNOWN:
    case ERR_NOT_FOUND:
    case ERR_VERSION:
        return "input";
    case ERR_POLICY:
        return "policy";
    case ERR_CA:
        return "ca";
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_BUSY:
        return "unavailable";
    case ERR_CANCELLED:
        return "interrupted";
    case ERR_LATER:
        return "later";
    default:
        return "internal";
    }
}

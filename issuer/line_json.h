/*
 * JSON as the local sockets speak it (docs/protocol.md): requests with no member unknown,
 * doubled or of another type, and answers that are valid UTF-8 whatever foreign text they quote.
 */
#ifndef CERTMILL_ISSUER_LINE_JSON_H
#define CERTMILL_ISSUER_LINE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

/* A member that a request may have. */
struct line_member {
    const char *name;
    enum { LINE_STRING, LINE_BOOLEAN, LINE_INTEGER } type;
    bool required;
};

/* Parses a request and checks that its "v" is 1, that "op" is a string, and that every other member
 * is one of members[count] and of its type. ERR_MALFORMED, ERR_VERSION, ERR_UNKNOWN. *out is the
 * caller's (json_decref). */
int line_json_parse(json_t **out, const char *text, size_t len, const struct line_member *members,
                    size_t count, struct err *err);

/* A string whatever its octets are: what is not UTF-8 becomes U+FFFD. NULL text: null. */
json_t *line_json_string(const char *text);

/* Unix microseconds as RFC 3339 in UTC, "2026-11-21T01:46:18.123456Z". */
json_t *line_json_time(int64_t unix_us);
/* Unix seconds likewise, "2026-11-21T01:46:18Z". */
json_t *line_json_seconds(int64_t unix_s);

/* The error result line, without LF; malloc'd, NULL when out of memory. */
char *line_json_error(const char *kind, const char *message);
/* object as one line, without LF; malloc'd. Takes the reference; NULL gives NULL. */
char *line_json_dump(json_t *object);

/* {"result":"ok","output":output} */
char *line_json_output(const char *output);

/* The kind of docs/protocol.md for one of our errors. */
const char *line_json_kind(int code);

#endif

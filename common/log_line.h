/*
 * Building one bounded log line, within common/log.
 */
#ifndef CERTMILL_COMMON_LOG_LINE_H
#define CERTMILL_COMMON_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

struct log_line {
    char *dst;
    size_t len, cap; /* len < cap always; dst[len] is not written before log_line_end */
    bool cut;        /* something did not fit: nothing more is put */
};

/* cap at least 8. tail: bytes to keep free for what must follow in any case. */
void log_line_begin(struct log_line *line, char *dst, size_t cap, size_t tail);
/* Our own text, as it is; either whole or not at all. */
void log_line_raw(struct log_line *line, const char *text);
/* Foreign text: control characters and what is not UTF-8 as \xNN, cut between characters. */
void log_line_text(struct log_line *line, const char *text);
/* Foreign text as the inside of a JSON string. */
void log_line_json(struct log_line *line, const char *text);
/* Marks a cut line with "...", puts what must follow, terminates. Returns the length. */
size_t log_line_end(struct log_line *line, const char *tail);

/* The two forms of a whole line, without newline. They return its length. */
struct log_record {
    int64_t unix_us;
    enum log_level level;
    const char *program, *subject, *message; /* subject may be NULL */
};
size_t log_line_as_text(char *dst, size_t cap, const struct log_record *record);
size_t log_line_as_json(char *dst, size_t cap, const struct log_record *record);
/* RFC 3164 4.1: priority, time, host (unless NULL), tag; then the message or, as JSON, the object.
 */
size_t log_line_as_syslog(char *dst, size_t cap, const struct log_record *record, int facility,
                          const char *host, enum log_format format);

#endif

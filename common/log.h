/*
 * Log lines: text, JSON lines or syslog.
 *
 * Text is `DATE TIME ZONE PROGRAM LEVEL MESSAGE`, for example
 *   2026-11-21 01:46:18 +0000 certmilld INFO listening on 127.0.0.1:53
 * in the reader's own time zone; JSON lines carry time (RFC 3339), program,
 * level, subject and message. A subject ("order 17", "client web1") stands in
 * brackets before a text message. Control characters from outside are shown as
 * \xNN, so that a foreign string cannot forge a line.
 *
 * One struct log a program, made at start (the sandbox forbids opening files
 * and sockets later). Writing is safe from several threads: one write(2) or
 * send(2) a line. Never logs secrets: callers' duty.
 */
#ifndef CERTMILL_COMMON_LOG_H
#define CERTMILL_COMMON_LOG_H

#include <stdint.h>

#include "common/err.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL,
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log;

struct log_options {
    const char *program;  /* "certmilld", "dnsd", "issuer"...; copied */
    enum log_level level; /* lines below it are dropped */
    enum log_format format;
    const char *syslog_facility; /* "LOG_LOCAL0" style or NULL: stderr only */
    const char *syslog_socket;   /* path, or host:port (UDP), or NULL: /dev/log */
    int fd; /* where text goes when syslog is not set; 2 as a rule; not owned */
};

/* Opens a log. Errors: ERR_RANGE for an unknown facility; -errno where the
 * syslog socket cannot be reached. Free with log_free. */
int log_new(struct log **out, const struct log_options *options, struct err *err);
void log_free(struct log *log);

void log_set_level(struct log *log, enum log_level level);
enum log_level log_get_level(const struct log *log);

/* The file descriptor a sandboxed process must keep for this log. */
int log_fd(const struct log *log);

/* Writes one line; subject may be NULL. log may be NULL (nothing happens). */
void log_write(struct log *log, enum log_level level, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define log_debug(log, subject, ...)    log_write(log, LOG_LEVEL_DEBUG, subject, __VA_ARGS__)
#define log_info(log, subject, ...)     log_write(log, LOG_LEVEL_INFO, subject, __VA_ARGS__)
#define log_warning(log, subject, ...)  log_write(log, LOG_LEVEL_WARNING, subject, __VA_ARGS__)
#define log_error(log, subject, ...)    log_write(log, LOG_LEVEL_ERROR, subject, __VA_ARGS__)
#define log_critical(log, subject, ...) log_write(log, LOG_LEVEL_CRITICAL, subject, __VA_ARGS__)

/* The number of a syslog facility, "LOG_LOCAL0", "local0" and the like; ERR_RANGE. */
int log_facility_parse(const char *name, int *facility);

/* "INFO" and the like, both ways; log_level_parse returns ERR_RANGE for another word. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *level);

/* Formats one text line, without newline, into dst (always terminated), the
 * form that certmill-shell writes to its client's stderr. unix_us: microseconds. */
void log_format_line(char *dst, size_t cap, int64_t unix_us, const char *program,
                     enum log_level level, const char *message);

#endif

/*
 * What the client says while it works: on a terminal one line a certificate, which shows
 * the step it is at; otherwise log lines.
 */
#ifndef CERTMILL_CLIENT_REPORT_H
#define CERTMILL_CLIENT_REPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/log.h"

/* Shared by all that is under way; each piece of work has a struct report_line, in one thread at
 * a time. */
struct report {
    struct log *log;
    FILE *terminal; /* NULL: log lines */
    int columns;    /* of the terminal */
    enum log_level level;
    pthread_mutex_t lock;
};

struct report_line {
    struct report *report;
    char subject[300];
    int64_t started_ms;
};

/* Decides between the two: terminal where out is one, and neither syslog nor DEBUG is wanted. */
void report_init(struct report *report, struct log *log, enum log_level level, FILE *out,
                 bool syslog);
void report_clear(struct report *report);

/* A piece of work begins: subject ("www.example.org rsa"). */
void report_begin(struct report_line *line, struct report *report, const char *subject);
/* A step of it, ours or the server's. Warnings and worse stay to be read. */
void report_step(struct report_line *line, enum log_level level, const char *message);
/* It is done, well or not. Each report_begin has its report_end. */
void report_end(struct report_line *line, bool good, const char *message);

#endif

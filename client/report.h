/*
 * What the client says while it works: on a terminal one live line a certificate, with the
 * step it is at; otherwise log lines.
 *
 * The live lines stand below all else. Whatever is to stay (warnings, ends) is written where they
 * began, and they are drawn anew below it. A second's tick keeps the elapsed times going. Where
 * the window changes its size nobody knows where the old lines are now: they stay, and new ones
 * begin below.
 */
#ifndef CERTMILL_CLIENT_REPORT_H
#define CERTMILL_CLIENT_REPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/log.h"

/* How far a certificate has come. */
enum report_state {
    REPORT_WAITING,
    REPORT_ORDERING,
    REPORT_PUBLISHED,
    REPORT_SEEN, /* by the CA */
    REPORT_VALIDATED,
    REPORT_ISSUED,
};

struct report_line;

/* Shared by all that is under way; each piece of work has a struct report_line, in one thread at
 * a time. */
struct report {
    struct log *log;
    FILE *terminal; /* NULL: log lines */
    bool colour;
    enum log_level level;
    pthread_mutex_t lock;
    struct report_line *lines; /* under way, oldest first */
    int rows, columns;         /* of the window, when it was drawn last */
    int drawn;                 /* live lines on it */
    pthread_t ticker;
    pthread_cond_t wake; /* of the ticker */
    bool ticking, ending;
    /* Tests put their own time here, which then stands still: there is no tick. */
    int64_t (*now_ms)(void);
};

/* Stays where it is from report_begin to report_end. */
struct report_line {
    struct report *report;
    char subject[300];
    int64_t started_ms;
    enum report_state state;
    char text[200]; /* the last step */
    struct report_line *next;
};

/* Decides between the two: live lines where out is a terminal, and neither syslog nor another
 * level than INFO is wanted. */
void report_init(struct report *report, struct log *log, enum log_level level, FILE *out,
                 bool syslog);
void report_clear(struct report *report);

/* A piece of work begins: subject ("www.example.org rsa"). */
void report_begin(struct report_line *line, struct report *report, const char *subject);
/* A step of it, ours or the server's. Warnings and worse stay to be read. */
void report_step(struct report_line *line, enum log_level level, const char *message);
/* It is done, well or not. Each report_begin has its report_end. */
void report_end(struct report_line *line, bool good, const char *message);

/* What is to be said of all of them: a line that stays, without subject. */
void report_summary(struct report *report, bool good, const char *message);

/* The state that a log line of the server's stands for, certmill's or an original certgrinderd's;
 * one that stands for none leaves it. */
enum report_state report_state_next(enum report_state state, const char *message);
/* "seen by the CA" and the like. */
const char *report_state_name(enum report_state state);

#endif

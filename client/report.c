#include "client/report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/term.h"
#include "common/log_line.h"

#define LINE_MAX_OCTETS 1024
#define STATE_COLUMNS   14 /* of the longest, "seen by the CA" */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void report_init(struct report *report, struct log *log, enum log_level level, FILE *out,
                 bool syslog)
{
    pthread_condattr_t attributes;
    *report = (struct report){
        .log = log, .level = level, .lock = PTHREAD_MUTEX_INITIALIZER, .now_ms = now_ms};
    if (syslog || level != LOG_LEVEL_INFO || !term_moves(out) ||
        pthread_condattr_init(&attributes) != 0) {
        return;
    }
    if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
        pthread_cond_init(&report->wake, &attributes) == 0) {
        report->terminal = out;
        report->colour = term_colour(out);
    }
    pthread_condattr_destroy(&attributes);
}

/* -- drawing; with the lock held -- */

/* Foreign text, safe for the terminal. */
static const char *safe(char dst[static LINE_MAX_OCTETS], const char *message)
{
    struct log_line line;
    log_line_begin(&line, dst, LINE_MAX_OCTETS, 0);
    log_line_text(&line, message);
    log_line_end(&line, "");
    return dst;
}

/* A text in at most that many columns, filled up with blanks where fill; the columns it took. */
static int put(FILE *out, const char *text, int columns, bool fill)
{
    int width;
    size_t len = term_fit(text, columns > 0 ? columns : 0, &width);
    fprintf(out, "%.*s%*s", (int)len, text, fill && columns > width ? columns - width : 0, "");
    return fill && columns > width ? columns : width;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* subject  state  12 s  message */
static void draw_line(const struct report_line *line, FILE *out, int subjects)
{
    const struct report *report = line->report;
    enum term_shade shade = line->state == REPORT_ISSUED ? TERM_GREEN : TERM_YELLOW;
    char text[LINE_MAX_OCTETS];
    int left = report->columns - 1;
    left -= put(out, line->subject, least(subjects, left), true);
    left -= put(out, "  ", left, false);
    fputs(term_shade(report->colour, shade), out);
    left -= put(out, report_state_name(line->state), least(STATE_COLUMNS, left), true);
    fputs(term_end(report->colour), out);
    snprintf(text, sizeof(text), "  %3lld s  ",
             (long long)(report->now_ms() - line->started_ms) / 1000);
    left -= put(out, text, left, false);
    put(out, safe(text, line->text), left, false);
    fputc('\n', out);
}

static void draw_lines(struct report *report, FILE *out)
{
    int count = 0, widest = 0, width, room = report->rows - 1;
    for (struct report_line *line = report->lines; line != NULL; line = line->next) {
        (void)term_fit(line->subject, report->columns / 2, &width);
        widest = width > widest ? width : widest;
        count++;
    }
    int shown = count <= room ? count : room - 1;
    report->drawn = 0;
    for (struct report_line *line = report->lines; line != NULL && report->drawn < shown;
         line = line->next) {
        draw_line(line, out, widest);
        report->drawn++;
    }
    if (count > shown && room > 0) {
        char text[64];
        snprintf(text, sizeof(text), "and %d more", count - shown);
        put(out, text, report->columns - 1, false);
        fputc('\n', out);
        report->drawn++;
    }
}

/* One write takes the live lines away, puts what is to stay, and draws them anew. */
static void draw(struct report *report, const char *stays)
{
    int rows, columns;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return;
    }
    term_size(report->terminal, &rows, &columns);
    if (report->drawn > 0 && rows == report->rows && columns == report->columns) {
        fprintf(out, "\r\x1b[%dA\x1b[J", report->drawn);
    }
    report->rows = rows;
    report->columns = columns;
    fputs(stays, out);
    draw_lines(report, out);
    if (fclose(out) == 0) {
        fwrite(text, 1, len, report->terminal);
        fflush(report->terminal);
    }
    free(text);
}

/* A line that stays. */
static void stay(struct report *report, enum term_shade shade, const char *subject,
                 const char *label, const char *message)
{
    char text[3 * LINE_MAX_OCTETS], part[LINE_MAX_OCTETS];
    snprintf(text, sizeof(text), "%s%s%s%s%s%s\n", subject, subject[0] != '\0' ? "  " : "",
             term_shade(report->colour, shade), label, safe(part, message),
             term_end(report->colour));
    draw(report, text);
}

/* -- the tick -- */

static void *tick(void *arg)
{
    struct report *report = arg;
    pthread_mutex_lock(&report->lock);
    while (!report->ending) {
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec++;
        pthread_cond_timedwait(&report->wake, &report->lock, &next);
        if (!report->ending && report->lines != NULL) {
            draw(report, "");
        }
    }
    pthread_mutex_unlock(&report->lock);
    return NULL;
}

/* Signals are for others. Without the thread times stand still until something happens. */
static void start_ticking(struct report *report)
{
    sigset_t all, before;
    sigfillset(&all);
    if (!report->ticking && report->now_ms == now_ms &&
        pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
        report->ticking = pthread_create(&report->ticker, NULL, tick, report) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

void report_clear(struct report *report)
{
    if (report->ticking) {
        pthread_mutex_lock(&report->lock);
        report->ending = true;
        pthread_cond_signal(&report->wake);
        pthread_mutex_unlock(&report->lock);
        pthread_join(report->ticker, NULL);
        report->ticking = false;
    }
    if (report->terminal != NULL) {
        pthread_cond_destroy(&report->wake);
    }
    pthread_mutex_destroy(&report->lock);
}

/* -- lines -- */

void report_begin(struct report_line *line, struct report *report, const char *subject)
{
    char text[LINE_MAX_OCTETS];
    *line = (struct report_line){.report = report, .started_ms = report->now_ms()};
    snprintf(line->subject, sizeof(line->subject), "%.299s", safe(text, subject));
    if (report->terminal == NULL) {
        return;
    }
    pthread_mutex_lock(&report->lock);
    struct report_line **end = &report->lines;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = line;
    start_ticking(report);
    draw(report, "");
    pthread_mutex_unlock(&report->lock);
}

void report_step(struct report_line *line, enum log_level level, const char *message)
{
    struct report *report = line->report;
    pthread_mutex_lock(&report->lock);
    if (report->terminal == NULL) {
        log_write(report->log, level, line->subject, "%s", message);
    } else if (level >= LOG_LEVEL_WARNING) {
        char label[32];
        snprintf(label, sizeof(label), "%s: ", log_level_name(level));
        stay(report, level == LOG_LEVEL_WARNING ? TERM_YELLOW : TERM_RED, line->subject, label,
             message);
    } else if (level == LOG_LEVEL_INFO) {
        line->state = report_state_next(line->state, message);
        snprintf(line->text, sizeof(line->text), "%.199s", message);
        draw(report, "");
    }
    pthread_mutex_unlock(&report->lock);
}

static void take_out(struct report_line *line)
{
    struct report_line **at = &line->report->lines;
    while (*at != NULL && *at != line) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = line->next;
    }
}

void report_end(struct report_line *line, bool good, const char *message)
{
    struct report *report = line->report;
    enum log_level level = good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR;
    pthread_mutex_lock(&report->lock);
    if (report->terminal == NULL) {
        log_write(report->log, level, line->subject, "%s", message);
    } else {
        char text[LINE_MAX_OCTETS];
        snprintf(text, sizeof(text), "%.900s (%.1f s)", message,
                 (double)(report->now_ms() - line->started_ms) / 1000);
        take_out(line);
        stay(report, good ? TERM_GREEN : TERM_RED, line->subject, good ? "" : "FAILED: ", text);
    }
    pthread_mutex_unlock(&report->lock);
}

void report_summary(struct report *report, bool good, const char *message)
{
    pthread_mutex_lock(&report->lock);
    if (report->terminal == NULL) {
        log_write(report->log, good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, NULL, "%s", message);
    } else {
        stay(report, good ? TERM_GREEN : TERM_RED, "", "", message);
    }
    pthread_mutex_unlock(&report->lock);
}

#include "client/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/log_line.h"

#define LINE_MAX_OCTETS 1024

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void report_init(struct report *report, struct log *log, enum log_level level, FILE *out,
                 bool syslog)
{
    struct winsize size = {0};
    const char *term = getenv("TERM");
    *report = (struct report){
        .log = log, .level = level, .columns = 80, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (syslog || level != LOG_LEVEL_INFO || !isatty(fileno(out)) || term == NULL ||
        strcmp(term, "dumb") == 0) {
        return;
    }
    report->terminal = out;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        report->columns = size.ws_col;
    }
}

void report_clear(struct report *report)
{
    pthread_mutex_destroy(&report->lock);
}

/* Foreign text, safe for the terminal. */
static const char *safe(char dst[static LINE_MAX_OCTETS], const char *message)
{
    struct log_line line;
    log_line_begin(&line, dst, LINE_MAX_OCTETS, 0);
    log_line_text(&line, message);
    log_line_end(&line, "");
    return dst;
}

/* How many octets of UTF-8 text fill at most that many columns. */
static int fitting(const char *text, int columns)
{
    int octets = 0;
    while (text[octets] != '\0' && columns > 0) {
        do {
            octets++;
        } while ((text[octets] & 0xc0) == 0x80);
        columns--;
    }
    return octets;
}

static void show(struct report_line *line, const char *message)
{
    struct report *report = line->report;
    char text[LINE_MAX_OCTETS];
    int room = report->columns - 1 - (int)strlen(line->subject) - 2;
    safe(text, message);
    fprintf(report->terminal, "\r\x1b[K%s  %.*s", line->subject, fitting(text, room > 0 ? room : 0),
            text);
    fflush(report->terminal);
}

void report_begin(struct report_line *line, struct report *report, const char *subject)
{
    *line = (struct report_line){.report = report, .started_ms = now_ms()};
    snprintf(line->subject, sizeof(line->subject), "%s", subject);
    if (report->terminal != NULL) {
        pthread_mutex_lock(&report->lock);
        show(line, "asking the server");
        pthread_mutex_unlock(&report->lock);
    }
}

void report_step(struct report_line *line, enum log_level level, const char *message)
{
    struct report *report = line->report;
    char text[LINE_MAX_OCTETS];
    pthread_mutex_lock(&report->lock);
    if (report->terminal == NULL) {
        log_write(report->log, level, line->subject, "%s", message);
    } else if (level >= LOG_LEVEL_WARNING) {
        fprintf(report->terminal, "\r\x1b[K%s  %s: %s\n", line->subject, log_level_name(level),
                safe(text, message));
    } else if (level == LOG_LEVEL_INFO) {
        show(line, message);
    }
    pthread_mutex_unlock(&report->lock);
}

void report_end(struct report_line *line, bool good, const char *message)
{
    struct report *report = line->report;
    char text[LINE_MAX_OCTETS];
    enum log_level level = good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR;
    double seconds = (double)(now_ms() - line->started_ms) / 1000;
    pthread_mutex_lock(&report->lock);
    if (report->terminal == NULL) {
        log_write(report->log, level, line->subject, "%s", message);
    } else {
        fprintf(report->terminal, "\r\x1b[K%s  %s%s (%.1f s)\n", line->subject,
                good ? "" : "FAILED: ", safe(text, message), seconds);
    }
    pthread_mutex_unlock(&report->lock);
}

#include "common/log_line.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/utf8.h"

#define MARK "..."

void log_line_begin(struct log_line *line, char *dst, size_t cap, size_t tail)
{
    size_t reserve = sizeof(MARK) - 1 + 1 + tail; /* the mark, NUL, what must follow */

    *line = (struct log_line){.dst = dst, .cap = cap > reserve ? cap - reserve : 0};
}

static void put(struct log_line *line, const char *bytes, size_t n)
{
    if (line->cut || n > line->cap - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->dst + line->len, bytes, n);
    line->len += n;
}

void log_line_raw(struct log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* C0, DEL and C1: what a terminal or a log reader might act on. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

static void put_hex(struct log_line *line, const char *prefix, const char *bytes, size_t n)
{
    char hex[16];

    for (size_t i = 0; i < n; i++) {
        snprintf(hex, sizeof(hex), "%s%02x", prefix, (unsigned char)bytes[i]);
        log_line_raw(line, hex);
    }
}

void log_line_text(struct log_line *line, const char *text)
{
    size_t left = strlen(text), n;
    uint32_t point;

    while (left > 0 && !line->cut) {
        n = utf8_decode(text, left, &point);
        if (n == 0) {
            n = 1;
            put_hex(line, "\\x", text, 1);
        } else if (is_control(point)) {
            put_hex(line, "\\x", text, n);
        } else {
            put(line, text, n);
        }
        text += n;
        left -= n;
    }
}

void log_line_json(struct log_line *line, const char *text)
{
    size_t left = strlen(text), n;
    uint32_t point;
    char escape[8];

    while (left > 0 && !line->cut) {
        n = utf8_decode(text, left, &point);
        if (n == 0) {
            n = 1;
            put_hex(line, "\\\\x", text, 1); /* shows as \xNN: JSON has no bytes */
        } else if (is_control(point)) {
            snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)point & 0xffffu);
            log_line_raw(line, escape);
        } else if (point == '"' || point == '\\') {
            escape[0] = '\\';
            escape[1] = (char)point;
            put(line, escape, 2);
        } else {
            put(line, text, n);
        }
        text += n;
        left -= n;
    }
}

size_t log_line_end(struct log_line *line, const char *tail)
{
    char *p = line->dst + line->len;

    if (line->cut) {
        memcpy(p, MARK, sizeof(MARK) - 1);
        p += sizeof(MARK) - 1;
    }
    memcpy(p, tail, strlen(tail) + 1);
    return (size_t)(p - line->dst) + strlen(tail);
}

static void put_message(struct log_line *line, const struct log_record *record)
{
    if (record->subject != NULL) {
        log_line_raw(line, "[");
        log_line_text(line, record->subject);
        log_line_raw(line, "] ");
    }
    log_line_text(line, record->message);
}

static void split_time(int64_t unix_us, time_t *seconds, long *us)
{
    int64_t rest = unix_us % 1000000;

    rest = rest < 0 ? rest + 1000000 : rest;
    *seconds = (time_t)((unix_us - rest) / 1000000);
    *us = (long)rest;
}

size_t log_line_as_text(char *dst, size_t cap, const struct log_record *record)
{
    struct log_line line;
    char stamp[64] = "";
    time_t seconds;
    struct tm tm;
    long us;

    split_time(record->unix_us, &seconds, &us);
    if (localtime_r(&seconds, &tm) != NULL) {
        strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S %z ", &tm);
    }
    log_line_begin(&line, dst, cap, 0);
    log_line_raw(&line, stamp);
    log_line_raw(&line, record->program);
    log_line_raw(&line, " ");
    log_line_raw(&line, log_level_name(record->level));
    log_line_raw(&line, " ");
    put_message(&line, record);
    return log_line_end(&line, "");
}

static void put_json_member(struct log_line *line, const char *name, const char *value)
{
    log_line_raw(line, ",\"");
    log_line_raw(line, name);
    log_line_raw(line, "\":\"");
    log_line_json(line, value);
    log_line_raw(line, "\"");
}

/* A subject longer than this would leave no room for the message. */

static void put_json(struct log_line *line, const struct log_record *record)
{
    char stamp[64] = "", full[128], subject[LIMIT_LOG_SUBJECT];
    struct log_line cut;
    time_t seconds;
    struct tm tm;
    long us;

    split_time(record->unix_us, &seconds, &us);
    if (gmtime_r(&seconds, &tm) != NULL) {
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    }
    snprintf(full, sizeof(full), "{\"time\":\"%s.%06ldZ\"", stamp, us);
    log_line_raw(line, full);
    put_json_member(line, "program", record->program);
    put_json_member(line, "level", log_level_name(record->level));
    if (record->subject != NULL) {
        log_line_begin(&cut, subject, sizeof(subject), 0);
        log_line_text(&cut, record->subject);
        log_line_end(&cut, "");
        put_json_member(line, "subject", subject);
    }
    log_line_raw(line, ",\"message\":\"");
    log_line_json(line, record->message);
}

size_t log_line_as_json(char *dst, size_t cap, const struct log_record *record)
{
    struct log_line line;

    log_line_begin(&line, dst, cap, 2);
    put_json(&line, record);
    return log_line_end(&line, "\"}");
}

static int severity(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return LOG_DEBUG;
    case LOG_LEVEL_INFO:
        return LOG_INFO;
    case LOG_LEVEL_WARNING:
        return LOG_WARNING;
    case LOG_LEVEL_ERROR:
        return LOG_ERR;
    case LOG_LEVEL_CRITICAL:
        break;
    }
    return LOG_CRIT;
}

size_t log_line_as_syslog(char *dst, size_t cap, const struct log_record *record, int facility,
                          const char *host, enum log_format format)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct log_line line;
    char head[64] = "", tag[32];
    time_t seconds;
    struct tm tm;
    long us;

    split_time(record->unix_us, &seconds, &us);
    if (localtime_r(&seconds, &tm) != NULL) {
        snprintf(head, sizeof(head), "<%d>%s %2d %02d:%02d:%02d ",
                 facility | severity(record->level), months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
    }
    log_line_begin(&line, dst, cap, 2);
    log_line_raw(&line, head);
    if (host != NULL) {
        log_line_raw(&line, host);
        log_line_raw(&line, " ");
    }
    log_line_raw(&line, record->program);
    snprintf(tag, sizeof(tag), "[%ld]: ", (long)getpid());
    log_line_raw(&line, tag);
    if (format == LOG_FORMAT_JSON) {
        put_json(&line, record);
        return log_line_end(&line, "\"}");
    }
    log_line_raw(&line, log_level_name(record->level));
    log_line_raw(&line, " ");
    put_message(&line, record);
    return log_line_end(&line, "");
}

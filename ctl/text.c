#include "ctl/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log_line.h"
#include "common/utf8.h"

char *text_escape(const char *text)
{
    size_t cap = strlen(text) * 4 + 8; /* each octet becomes \xNN at most */
    struct log_line line;
    char *dst = malloc(cap);
    if (dst != NULL) {
        log_line_begin(&line, dst, cap, 0);
        log_line_text(&line, text);
        log_line_end(&line, "");
    }
    return dst;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += (*text & 0xc0) != 0x80;
    }
    return width;
}

char *text_duration(char *dst, size_t cap, double seconds)
{
    if (!(seconds >= 0 && seconds < 1e12)) {
        snprintf(dst, cap, "-");
    } else if (seconds < 60) {
        snprintf(dst, cap, "%.1f s", seconds);
    } else {
        int64_t s = (int64_t)seconds;
        if (s >= 86400) {
            snprintf(dst, cap, "%" PRId64 " d %02d:%02d", s / 86400, (int)(s / 3600 % 24),
                     (int)(s / 60 % 60));
        } else {
            snprintf(dst, cap, "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
                     (int)(s % 60));
        }
    }
    return dst;
}

static char *format_time(char *dst, size_t cap, const char *rfc3339, bool zone)
{
    struct tm tm = {0};
    if (rfc3339 == NULL) {
        snprintf(dst, cap, "-");
    } else if (strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
        snprintf(dst, cap, "%s", rfc3339);
    } else {
        time_t t = timegm(&tm);
        size_t n = 0;
        if (localtime_r(&t, &tm) != NULL) {
            n = zone ? strftime(dst, cap, "%Y-%m-%d %H:%M:%S %z", &tm)
                     : strftime(dst, cap, "%Y-%m-%d %H:%M:%S", &tm);
        }
        if (n == 0) {
            snprintf(dst, cap, "%s", rfc3339);
        }
    }
    return dst;
}

char *text_time(char *dst, size_t cap, const char *rfc3339)
{
    return format_time(dst, cap, rfc3339, false);
}

char *text_time_zone(char *dst, size_t cap, const char *rfc3339)
{
    return format_time(dst, cap, rfc3339, true);
}

char *text_size(char *dst, size_t cap, uint64_t octets)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)octets;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(dst, cap, unit > 0 && value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return dst;
}

char *text_count(char *dst, size_t cap, int64_t count)
{
    char digits[32], grouped[48];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, count), at = 0;
    for (int i = 0; i < n; i++) {
        int left = n - i;
        if (i > 0 && left % 3 == 0 && digits[i - 1] != '-') {
            grouped[at++] = ',';
        }
        grouped[at++] = digits[i];
    }
    grouped[at] = '\0';
    snprintf(dst, cap, "%s", grouped);
    return dst;
}

#include "common/timestamp.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define DAY 86400

/* A number of exactly count digits within [min, max]; *pos moves behind it. */
static bool digits(const char **pos, int count, int min, int max, int *out)
{
    int value = 0;

    for (int i = 0; i < count; i++, ++*pos) {
        if (**pos < '0' || **pos > '9') {
            return false;
        }
        value = 10 * value + (**pos - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

static bool literal(const char **pos, char want)
{
    if (toupper((unsigned char)**pos) != want) {
        return false;
    }
    ++*pos;
    return true;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, year 1 on. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool day_exists(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return day <= lengths[month - 1] + (month == 2 && leap);
}

/* What follows the seconds: any fraction (to a microsecond, the rest is cut off), then the zone. */
static bool fraction_and_zone(const char *pos, int64_t *micros, int *offset_s)
{
    int64_t unit = 100000;
    int hours = 0, minutes = 0;

    *micros = 0;
    *offset_s = 0;
    if (*pos == '.') {
        if (!isdigit((unsigned char)*++pos)) {
            return false;
        }
        for (; isdigit((unsigned char)*pos); pos++, unit /= 10) {
            *micros += (*pos - '0') * unit;
        }
    }
    if (literal(&pos, 'Z')) {
        return *pos == '\0';
    }
    char sign = *pos++;
    if ((sign != '+' && sign != '-') || !digits(&pos, 2, 0, 23, &hours) || !literal(&pos, ':') ||
        !digits(&pos, 2, 0, 59, &minutes) || *pos != '\0') {
        return false;
    }
    *offset_s = (sign == '+' ? 1 : -1) * (hours * 60 + minutes) * 60;
    return true;
}

bool timestamp_parse(int64_t *micros, const char *text)
{
    int year, month, day, hour, minute, second, offset;
    const char *pos = text;
    int64_t fraction;

    if (text == NULL || !digits(&pos, 4, 1, 9999, &year) || !literal(&pos, '-') ||
        !digits(&pos, 2, 1, 12, &month) || !literal(&pos, '-') || !digits(&pos, 2, 1, 31, &day) ||
        !day_exists(year, month, day)) {
        return false;
    }
    if ((*pos != ' ' && toupper((unsigned char)*pos) != 'T') || *pos++ == '\0' ||
        !digits(&pos, 2, 0, 23, &hour) || !literal(&pos, ':') || !digits(&pos, 2, 0, 59, &minute) ||
        !literal(&pos, ':') || !digits(&pos, 2, 0, 60, &second) ||
        !fraction_and_zone(pos, &fraction, &offset)) {
        return false;
    }
    int64_t seconds = days_of(year, month, day) * DAY + ((int64_t)hour * 60 + minute) * 60;
    *micros = (seconds + second - offset) * 1000000 + fraction;
    return true;
}

const char *timestamp_format(char dst[static TIMESTAMP_SIZE], int64_t seconds)
{
    const int64_t least = -62135596800, most = 253402300799; /* years 1 and 9999 */
    time_t at = (time_t)(seconds < least ? least : seconds > most ? most : seconds);
    struct tm tm;

    if (gmtime_r(&at, &tm) == NULL) {
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    }
    snprintf(dst, TIMESTAMP_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
             (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100,
             tm.tm_sec % 100);
    return dst;
}

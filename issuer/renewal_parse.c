#include "issuer/renewal.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "issuer/ajson.h"

#define MINUTE 60
#define DAY    86400

/* -- RFC 3339 5.6 -- */

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

/* Unix microseconds. A leap second is the second after it. */
static bool timestamp(int64_t *out, const char *text)
{
    int year, month, day, hour, minute, second, offset;
    const char *pos = text;
    int64_t micros;

    if (text == NULL || !digits(&pos, 4, 1, 9999, &year) || !literal(&pos, '-') ||
        !digits(&pos, 2, 1, 12, &month) || !literal(&pos, '-') || !digits(&pos, 2, 1, 31, &day) ||
        !day_exists(year, month, day)) {
        return false;
    }
    if ((*pos != ' ' && toupper((unsigned char)*pos) != 'T') || *pos++ == '\0' ||
        !digits(&pos, 2, 0, 23, &hour) || !literal(&pos, ':') || !digits(&pos, 2, 0, 59, &minute) ||
        !literal(&pos, ':') || !digits(&pos, 2, 0, 60, &second) ||
        !fraction_and_zone(pos, &micros, &offset)) {
        return false;
    }
    int64_t seconds = days_of(year, month, day) * DAY + ((int64_t)hour * 60 + minute) * 60;
    *out = (seconds + second - offset) * 1000000 + micros;
    return true;
}

/* -- the answer -- */

static int64_t floor_seconds(int64_t micros)
{
    return micros / 1000000 - (micros % 1000000 < 0);
}

int64_t renewal_wait(int64_t retry_after_ms)
{
    int64_t wait = retry_after_ms < 0 ? RENEWAL_INTERVAL : retry_after_ms / 1000;

    if (wait < MINUTE) {
        return MINUTE;
    }
    return wait > DAY ? DAY : wait;
}

static int read_window(struct renewal_window *out, const json_t *root, struct err *err)
{
    const json_t *window = json_object_get(root, "suggestedWindow");
    const char *url = ajson_url(root, "explanationURL");
    int64_t start, end;

    if (!timestamp(&start, ajson_string(window, "start", LIMIT_RENEWAL_TIME)) ||
        !timestamp(&end, ajson_string(window, "end", LIMIT_RENEWAL_TIME))) {
        return err_set(err, ERR_MALFORMED,
                       "no renewal information: suggestedWindow has no start or end that is a time "
                       "(RFC 9773 4.2)");
    }
    if (end <= start) {
        return err_set(err, ERR_MALFORMED,
                       "no renewal information: the window ends before it starts (RFC 9773 4.2)");
    }
    out->start = floor_seconds(start);
    out->end = floor_seconds(end);
    if (url != NULL && strlen(url) < sizeof out->explanation) {
        memcpy(out->explanation, url, strlen(url) + 1);
    }
    return 0;
}

int renewal_parse(struct renewal_window *out, const char *body, size_t len, int64_t now,
                  int64_t retry_after_ms, struct err *err)
{
    json_t *root = ajson_parse(body, len);
    int ret;

    memset(out, 0, sizeof *out);
    if (root == NULL) {
        return err_set(err, ERR_MALFORMED, "no renewal information: not a JSON object");
    }
    ret = read_window(out, root, err);
    json_decref(root);
    if (ret == 0) {
        out->checked = now;
        out->next = now + renewal_wait(retry_after_ms);
    }
    return ret;
}

#include "issuer/http_header.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/limits.h"

/* A stretch of the line, not terminated. */
struct span {
    const char *s;
    size_t len;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trim(struct span v)
{
    while (v.len > 0 && is_blank(v.s[0])) {
        v.s++;
        v.len--;
    }
    while (v.len > 0 && is_blank(v.s[v.len - 1])) {
        v.len--;
    }
    return v;
}

static bool equals(struct span v, const char *word)
{
    return v.len == strlen(word) && strncasecmp(v.s, word, v.len) == 0;
}

/* Cuts what stands before the first c off v; without c all of it. c is dropped. */
static struct span cut(struct span *v, char c)
{
    const char *at = memchr(v->s, c, v->len);
    struct span head = {v->s, at != NULL ? (size_t)(at - v->s) : v->len};
    size_t gone = at != NULL ? head.len + 1 : head.len;

    v->s += gone;
    v->len -= gone;
    return head;
}

bool http_nonce_good(const char *nonce, size_t len)
{
    if (len == 0 || len > LIMIT_NONCE) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)nonce[i];
        if (c >= 0x80 || (!isalnum(c) && c != '-' && c != '_')) {
            return false;
        }
    }
    return true;
}

static bool url_good(const char *scheme, const char *url, size_t len)
{
    const size_t n = strlen(scheme);

    if (len <= n || len > LIMIT_URL || strncasecmp(url, scheme, n) != 0) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (url[i] <= ' ' || url[i] > '~' || strchr("\"<>\\^`{|}", url[i]) != NULL) {
            return false;
        }
    }
    return url[n] != '/' && url[n] != ':' && url[n] != '?' && url[n] != '#';
}

bool http_url_good(const char *url, size_t len)
{
    return url_good("https://", url, len);
}

bool http_url_plain(const char *url, size_t len)
{
    return url_good("http://", url, len);
}

void http_fields_init(struct http_fields *fields)
{
    memset(fields, 0, sizeof(*fields));
    fields->retry_after_ms = -1;
}

void http_fields_clear(struct http_fields *fields)
{
    free(fields->location);
    for (size_t i = 0; i < fields->alternate_count; i++) {
        free(fields->alternates[i]);
    }
    http_fields_init(fields);
}

/* A wait of 31 years: no CA means more, and milliseconds of it have room. */
#define WAIT_MAX_S INT64_C(1000000000)

/* RFC 9110 5.6.7; 0 where it is none. */
static int64_t date_of(struct span v)
{
    char text[64];
    time_t date;

    if (v.len == 0 || v.len >= sizeof(text)) {
        return 0;
    }
    memcpy(text, v.s, v.len);
    text[v.len] = '\0';
    date = curl_getdate(text, NULL);
    return date > 0 ? (int64_t)date : 0;
}

/* A date gone by is 0. */
static void wait_for_date(struct http_fields *fields, int64_t now)
{
    int64_t from = fields->date != 0 ? fields->date : now;
    int64_t wait = fields->retry_date > from ? fields->retry_date - from : 0;

    if (fields->retry_date != 0) {
        fields->retry_after_ms = (wait < WAIT_MAX_S ? wait : WAIT_MAX_S) * 1000;
    }
}

/* RFC 9110 10.2.3: seconds or a date. */
static void retry_after(struct http_fields *fields, struct span v, int64_t now)
{
    int64_t seconds = 0;
    size_t digits = 0;

    while (digits < v.len && isdigit((unsigned char)v.s[digits])) {
        seconds = digits < 9 ? seconds * 10 + (v.s[digits] - '0') : WAIT_MAX_S;
        digits++;
    }
    fields->retry_date = 0;
    fields->retry_after_ms = digits > 0 && digits == v.len ? seconds * 1000 : -1;
    if (fields->retry_after_ms < 0) {
        fields->retry_date = date_of(v);
        wait_for_date(fields, now);
    }
}

/* Whether rel's value, a list divided by spaces and perhaps quoted, has "alternate". */
static bool rel_alternate(struct span v)
{
    if (v.len >= 2 && v.s[0] == '"' && v.s[v.len - 1] == '"') {
        v.s++;
        v.len -= 2;
    }
    while (v.len > 0) {
        if (equals(trim(cut(&v, ' ')), "alternate")) {
            return true;
        }
    }
    return false;
}

/* Cuts one parameter (";name=value", value perhaps quoted) off what follows a link's URL. False
 * where no further one is there; *rest then stands at the comma or the end. */
static bool link_param(struct span *rest, struct span *name, struct span *value)
{
    *rest = trim(*rest);
    if (rest->len == 0 || rest->s[0] != ';') {
        return false;
    }
    size_t i = 1;
    bool quoted = false;
    while (i < rest->len && (quoted || (rest->s[i] != ';' && rest->s[i] != ','))) {
        if (quoted && rest->s[i] == '\\' && i + 1 < rest->len) {
            i++;
        } else if (rest->s[i] == '"') {
            quoted = !quoted;
        }
        i++;
    }
    *value = (struct span){rest->s + 1, i - 1};
    rest->s += i;
    rest->len -= i;
    *name = trim(cut(value, '='));
    *value = trim(*value);
    return true;
}

/* RFC 8288 3: <URL>; rel="alternate", <URL>; ... */
static int links(struct http_fields *fields, struct span v)
{
    while ((v = trim(v)).len > 0 && v.s[0] == '<') {
        v.s++;
        v.len--;
        struct span url = cut(&v, '>'), name, value;
        bool alternate = false;
        while (link_param(&v, &name, &value)) {
            alternate = alternate || (equals(name, "rel") && rel_alternate(value));
        }
        if (alternate && http_url_good(url.s, url.len) &&
            fields->alternate_count < LIMIT_ALTERNATES) {
            char *copy = strndup(url.s, url.len);
            if (copy == NULL) {
                return -ENOMEM;
            }
            fields->alternates[fields->alternate_count++] = copy;
        }
        cut(&v, ',');
    }
    return 0;
}

static void content_type(struct http_fields *fields, struct span v)
{
    struct span type = trim(cut(&v, ';'));

    fields->content_type[0] = '\0';
    if (type.len >= sizeof(fields->content_type)) {
        return;
    }
    for (size_t i = 0; i < type.len; i++) {
        unsigned char c = (unsigned char)type.s[i];
        fields->content_type[i] = c > ' ' && c < 0x7f ? (char)tolower(c) : '?';
    }
    fields->content_type[type.len] = '\0';
}

static int field(struct http_fields *fields, struct span name, struct span v, int64_t now)
{
    if (equals(name, "replay-nonce")) {
        bool good = http_nonce_good(v.s, v.len);
        if (good) {
            memcpy(fields->nonce, v.s, v.len);
        }
        fields->nonce[good ? v.len : 0] = '\0';
    } else if (equals(name, "location") && http_url_good(v.s, v.len)) {
        char *copy = strndup(v.s, v.len);
        if (copy == NULL) {
            return -ENOMEM;
        }
        free(fields->location);
        fields->location = copy;
    } else if (equals(name, "retry-after")) {
        retry_after(fields, v, now);
    } else if (equals(name, "date")) {
        fields->date = date_of(v);
        wait_for_date(fields, now);
    } else if (equals(name, "content-type")) {
        content_type(fields, v);
    } else if (equals(name, "link")) {
        return links(fields, v);
    }
    return 0;
}

int http_fields_line(struct http_fields *fields, const char *line, size_t len, int64_t now)
{
    if (len > LIMIT_HTTP_HEADER - fields->bytes) {
        return ERR_LIMIT;
    }
    size_t bytes = fields->bytes + len;

    if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        http_fields_clear(fields);
    }
    fields->bytes = bytes;
    if (memchr(line, ':', len) == NULL || memchr(line, '\0', len) != NULL) {
        return 0;
    }
    struct span value = {line, len};
    struct span name = cut(&value, ':');
    return field(fields, name, trim(value), now);
}

/*
 * Notifications in words. All that an event says may come from outside: names of a request that was
 * refused, a CA's error text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "issuer/audit_event.h"
#include "issuer/line_json.h"
#include "issuer/notifier.h"

#define SUBJECT_MAX     200
#define LINE_MAX_OCTETS 900 /* RFC 5322 2.1.1: 998; a character that is cut has at most four */

char *notifier_json(const struct audit_event *event, int64_t at_us)
{
    json_t *object = json_pack("{s:o, s:s}", "time", line_json_time(at_us), "event", event->what);
    char *text, *line = NULL;

    if (object != NULL) {
        audit_event_put(object, event);
    }
    text = line_json_dump(object);
    if (text != NULL && asprintf(&line, "%s\n", text) < 0) {
        line = NULL;
    }
    free(text);
    return line;
}

/* Printable ASCII only: no header can be made of it, and no encoded word is needed. */
static void put_plain(FILE *out, const char *text, size_t most)
{
    for (; *text != '\0' && most > 0; text++, most--) {
        (void)fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
    }
}

static void put_subject(FILE *out, const struct audit_event *event)
{
    const char *names = event->names != NULL ? event->names : "";
    size_t first = strcspn(names, ","), more = 0;
    char name[SUBJECT_MAX];

    for (const char *p = names; *p != '\0'; p++) {
        more += *p == ',';
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(first < sizeof name ? first : sizeof name),
                   names);
    (void)fputs("Subject: certmill: ", out);
    put_plain(out, event->what, 32);
    if (name[0] != '\0') {
        (void)fputs(": ", out);
        put_plain(out, name, sizeof name);
    }
    if (more > 0) {
        fprintf(out, " and %zu more", more);
    }
    (void)fputc('\n', out);
}

static void put_addresses(FILE *out, const struct conf_strings *to)
{
    for (size_t i = 0; i < to->count; i++) {
        (void)fputs(i == 0 ? "To: " : ",\n ", out); /* folded (RFC 5322 2.2.3) */
        put_plain(out, to->items[i], 254);
    }
    (void)fputc('\n', out);
}

static void put_date(FILE *out, int64_t at_us)
{
    const time_t at = (time_t)(at_us / 1000000);
    char date[64];
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL &&
        strftime(date, sizeof date, "%a, %d %b %Y %T +0000", &tm) > 0) {
        fprintf(out, "Date: %s\n", date);
    }
}

/* A value of the body: its own lines stay lines, long ones are cut, other control characters are
 * made visible. It is UTF-8: audit_event_put saw to that. */
static void put_value(FILE *out, const char *text)
{
    size_t at = 0;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '\n' || (at >= LINE_MAX_OCTETS && (c & 0xc0) != 0x80)) {
            (void)fputs("\n    ", out);
            at = 4;
        }
        if (c == '\n') {
            continue;
        }
        if (c < ' ' || c == 0x7f) {
            at += (size_t)fprintf(out, "\\x%02x", c);
        } else {
            (void)fputc(c, out);
            at++;
        }
    }
    (void)fputc('\n', out);
}

static void put_member(FILE *out, const char *name, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (json_is_array(value)) {
        fprintf(out, "%s:\n", name);
        json_array_foreach(value, i, item)
        {
            (void)fputs("    ", out);
            put_value(out, json_string_value(item));
        }
        return;
    }
    fprintf(out, "%s: ", name);
    if (json_is_integer(value)) {
        fprintf(out, "%lld\n", (long long)json_integer_value(value));
    } else {
        put_value(out, json_string_value(value) != NULL ? json_string_value(value) : "");
    }
}

static void put_body(FILE *out, const struct audit_event *event, int64_t at_us)
{
    json_t *object = json_pack("{s:o, s:s}", "time", line_json_time(at_us), "event", event->what);
    const char *name;
    const json_t *value;

    if (object == NULL) {
        return;
    }
    audit_event_put(object, event);
    json_object_foreach(object, name, value)
    {
        put_member(out, name, value);
    }
    json_decref(object);
}

char *notifier_mail(const struct audit_event *event, int64_t at_us, const struct server_conf *conf)
{
    char *text = NULL, host[256] = "";
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    if (conf->notify_from != NULL) {
        (void)fputs("From: ", out);
        put_plain(out, conf->notify_from, 254);
        (void)fputc('\n', out);
    }
    put_addresses(out, &conf->notify_email);
    put_subject(out, event);
    put_date(out, at_us);
    (void)fputs("Auto-Submitted: auto-generated\nMIME-Version: 1.0\n" /* RFC 3834 */
                "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
                out);
    put_body(out, event, at_us);
    (void)gethostname(host, sizeof host - 1);
    (void)fputs("\n-- \ncertmilld", out);
    if (host[0] != '\0') {
        (void)fputs(" on ", out);
        put_plain(out, host, sizeof host);
    }
    (void)fputc('\n', out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

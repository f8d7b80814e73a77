#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/member.h"
#include "ctl/table.h"
#include "ctl/text.h"

static void print_field(FILE *out, const char *label, const char *value)
{
    char *safe = value != NULL ? text_escape(value) : NULL;
    fprintf(out, "%-18s %s\n", label, safe != NULL ? safe : "-");
    free(safe);
}

static void print_count(FILE *out, const char *label, json_int_t count)
{
    char text[48];
    print_field(out, label, count < 0 ? NULL : text_count(text, sizeof(text), count));
}

/* The one CA by its URL, or each of several by name and URL. */
static void print_authorities(const json_t *data, FILE *out)
{
    const json_t *all = json_object_get(data, "authorities"), *authority;
    size_t i;
    if (json_array_size(all) < 2) {
        print_field(out, "directory", member_string(data, "directory"));
        return;
    }
    json_array_foreach(all, i, authority)
    {
        const char *name = member_string(authority, "name");
        const char *directory = member_string(authority, "directory");
        char *text;
        if (asprintf(&text, "%s, %s", name != NULL ? name : "-",
                     directory != NULL ? directory : "-") < 0) {
            text = NULL;
        }
        print_field(out, "authority", text);
        free(text);
    }
}

static void print_head(const json_t *data, FILE *out)
{
    const json_t *uptime = json_object_get(data, "uptime");
    char text[48], *zones = member_joined(data, "zones");
    print_field(out, "version", member_string(data, "version"));
    print_field(out, "uptime",
                json_is_number(uptime)
                    ? text_duration(text, sizeof(text), json_number_value(uptime))
                    : NULL);
    print_authorities(data, out);
    print_field(out, "zones", zones);
    if (member_string(data, "store") != NULL) {
        print_field(out, "store", member_string(data, "store"));
    }
    /* without commas, as dig shows it: the SOA serial */
    print_field(out, "generation", member_digits(data, "generation", text, sizeof(text)));
    print_count(out, "live challenges", member_integer(data, "live_challenges"));
    free(zones);
}

static int print_processes(const json_t *data, FILE *out)
{
    static const char *const heads[] = {"PROCESS", "STATE", "PID#", "RESTARTS#", "SINCE", NULL};
    const json_t *process;
    struct table *table = table_new(heads);
    char digits[32], when[64];
    size_t i;
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(json_object_get(data, "processes"), i, process)
    {
        table_put(table, member_string(process, "role"));
        table_put(table, member_string(process, "state"));
        table_put(table, member_digits(process, "pid", digits, sizeof(digits)));
        table_put(table, member_digits(process, "restarts", digits, sizeof(digits)));
        table_put(table, text_time(when, sizeof(when), member_string(process, "since")));
    }
    fputc('\n', out);
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

/* The orders of each state that has any. */
static void print_orders(const json_t *orders, FILE *out)
{
    const char *state;
    const json_t *value;
    const char *before = "\n";
    json_object_foreach((json_t *)(uintptr_t)orders, state, value)
    {
        char label[64], *safe;
        if (!json_is_integer(value) || json_integer_value(value) == 0) {
            continue;
        }
        snprintf(label, sizeof(label), "orders %.50s", state);
        safe = text_escape(label);
        fputs(before, out);
        print_count(out, safe != NULL ? safe : "orders", json_integer_value(value));
        free(safe);
        before = "";
    }
}

/* dnsd's counters, those that belong together on one line. Names as people say them; NULL: the
 * counter's own. */
struct counter {
    const char *key, *name;
};

static const struct {
    const char *label;
    struct counter counters[8]; /* as far as a NULL */
} groups[] = {
    {"dns queries", {{"queries", ""}, {"udp", "UDP"}, {"tcp", "TCP"}}},
    {"dns answered", {{"noerror", NULL}, {"nodata", NULL}, {"nxdomain", NULL}, {"referral", NULL}}},
    {"dns errors",
     {{"refused", NULL},
      {"formerr", NULL},
      {"notimp", NULL},
      {"badvers", NULL},
      {"badcookie", NULL},
      {"servfail", NULL}}},
    {"dns not answered", {{"dropped", "unfit"}, {"send_failed", "not sent"}, {"shed", NULL}}},
    {"dns rate limit", {{"rate_dropped", "dropped"}, {"rate_slipped", "slipped"}}},
    {"dns truncated", {{"truncated", ""}}},
    {"dns valid cookies", {{"cookie", ""}}},
    {"dns connections",
     {{"tcp_opened", "opened"}, {"tcp_closed", "closed by us"}, {"tcp_refused", "refused"}}},
    {"dns challenges", {{"seen", "asked for"}, {"seen_lost", "not reported"}}},
};

static void print_one(const char *name, json_int_t count, const char **before, FILE *out)
{
    char text[48];
    fprintf(out, "%s%s%s%s", *before, name, *name != '\0' ? " " : "",
            text_count(text, sizeof(text), count));
    *before = ", ";
}

/* Those that are not zero, and the first of a line's without a name in any case. */
static void print_group(const json_t *dns, size_t at, FILE *out)
{
    const char *before = "";
    fprintf(out, "%-18s ", groups[at].label);
    for (const struct counter *c = groups[at].counters; c->key != NULL; c++) {
        json_int_t count = member_integer(dns, c->key);
        const char *name = c->name != NULL ? c->name : c->key;
        if (count > 0 || (count == 0 && *name == '\0')) {
            print_one(name, count, &before, out);
        }
    }
    fputs(*before == '\0' ? "-\n" : "\n", out);
}

static bool is_grouped(const char *key)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (const struct counter *c = groups[i].counters; c->key != NULL; c++) {
            if (strcmp(c->key, key) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* A dnsd of another version may count what is not known here. */
static void print_others(const json_t *dns, FILE *out)
{
    const char *key, *before = "dns other          ";
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)dns, key, value)
    {
        char *safe = is_grouped(key) || !json_is_integer(value) ? NULL : text_escape(key);
        if (safe != NULL) {
            print_one(safe, json_integer_value(value), &before, out);
        }
        free(safe);
    }
    fputs(*before == ',' ? "\n" : "", out);
}

static void print_dns(const json_t *dns, FILE *out)
{
    if (json_object_size(dns) == 0) {
        return;
    }
    fputc('\n', out);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        print_group(dns, i, out);
    }
    print_others(dns, out);
}

static int print(const json_t *data, FILE *out)
{
    print_head(data, out);
    int ret = print_processes(data, out);
    print_orders(json_object_get(data, "orders"), out);
    print_dns(json_object_get(data, "dns"), out);
    return ret;
}

const struct ctl_command ctl_status = {
    .name = "status", .help = "say how certmilld and its processes are", .print = print};

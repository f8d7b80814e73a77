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

static void print_head(const json_t *data, FILE *out)
{
    const json_t *uptime = json_object_get(data, "uptime");
    char text[48], *zones = member_joined(data, "zones");
    print_field(out, "version", member_string(data, "version"));
    print_field(out, "uptime",
                json_is_number(uptime)
                    ? text_duration(text, sizeof(text), json_number_value(uptime))
                    : NULL);
    print_field(out, "directory", member_string(data, "directory"));
    print_field(out, "zones", zones);
    print_count(out, "generation", member_integer(data, "generation"));
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

/* An object of counters, as the server names them; with those that are zero or without. */
static void print_counters(const json_t *counters, const char *prefix, bool zeros, FILE *out)
{
    const char *name;
    const json_t *value;
    if (json_object_size(counters) == 0) {
        return;
    }
    fputc('\n', out);
    json_object_foreach((json_t *)(uintptr_t)counters, name, value)
    {
        char label[64];
        snprintf(label, sizeof(label), "%s %.50s", prefix, name);
        for (char *p = label; (p = strchr(p, '_')) != NULL;) {
            *p = ' ';
        }
        if (json_is_integer(value) && (zeros || json_integer_value(value) != 0)) {
            char *safe = text_escape(label);
            print_count(out, safe != NULL ? safe : prefix, json_integer_value(value));
            free(safe);
        }
    }
}

static int print(const json_t *data, FILE *out)
{
    print_head(data, out);
    int ret = print_processes(data, out);
    print_counters(json_object_get(data, "orders"), "orders", false, out);
    print_counters(json_object_get(data, "dns"), "dns", true, out);
    return ret;
}

const struct ctl_command ctl_status = {
    .name = "status", .help = "say how certmilld and its processes are", .print = print};

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "ctl/table.h"
#include "ctl/text.h"

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    if (request->count > 1) {
        return err_set(err, ERR_UNKNOWN, "orders takes one number, not '%.100s' as well",
                       request->words[1]);
    }
    if (request->count == 1) {
        char *end;
        errno = 0;
        long long id = strtoll(request->words[0], &end, 10);
        if (errno != 0 || id < 1 || *end != '\0' || request->words[0][0] == '+') {
            return err_set(err, ERR_RANGE, "'%.100s' is not the number of an order",
                           request->words[0]);
        }
        if (request->limit > 0) {
            return err_set(err, ERR_UNKNOWN, "--limit goes with the list of orders, not with one");
        }
        return json_object_set_new(line, "id", json_integer(id)) < 0 ? -ENOMEM : 0;
    }
    if (request->limit > 0 &&
        json_object_set_new(line, "limit", json_integer(request->limit)) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

/* A reason of several lines has its first here; the others are shown with the order itself. */
static void put_first_line(struct table *table, const char *text)
{
    char *line = text != NULL ? strndup(text, strcspn(text, "\n")) : NULL;

    table_put(table, line);
    free(line);
}

/* The lines of a text, each below the other. */
static void print_lines(FILE *out, int indent, const char *text)
{
    for (;;) {
        size_t len = strcspn(text, "\n");
        char *line = strndup(text, len), *safe = line != NULL ? text_escape(line) : NULL;

        fprintf(out, "%s\n", safe != NULL ? safe : "-");
        free(safe);
        free(line);
        if (text[len] == '\0') {
            return;
        }
        text += len + 1;
        fprintf(out, "%*s", indent, "");
    }
}

static int print_list(const json_t *orders, FILE *out)
{
    static const char *const heads[] = {"ORDER#",  "STATE",   "NAMES",   "CLIENT",
                                        "CREATED", "UPDATED", "FAILURE", NULL};
    const json_t *order;
    struct table *table = table_new(heads);
    char digits[32], when[64];
    size_t i;
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(orders, i, order)
    {
        char *names = member_joined(order, "names");
        table_put(table, member_digits(order, "id", digits, sizeof(digits)));
        table_put(table, member_string(order, "state"));
        table_put(table, names);
        table_put(table, member_string(order, "client"));
        table_put(table, text_time(when, sizeof(when), member_string(order, "created")));
        table_put(table, text_time(when, sizeof(when), member_string(order, "updated")));
        put_first_line(table, member_string(order, "failure"));
        free(names);
    }
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

static void print_field(FILE *out, const char *label, const char *value)
{
    fprintf(out, "%-10s ", label);
    print_lines(out, 11, value != NULL ? value : "-");
}

static int print_one(const json_t *order, const json_t *events, FILE *out)
{
    char digits[32], when[64], *names = member_joined(order, "names");
    const json_t *event;
    size_t i;

    print_field(out, "order", member_digits(order, "id", digits, sizeof(digits)));
    print_field(out, "state", member_string(order, "state"));
    print_field(out, "names", names);
    print_field(out, "client", member_string(order, "client"));
    print_field(out, "peer uid", member_digits(order, "peer_uid", digits, sizeof(digits)));
    print_field(out, "directory", member_string(order, "directory"));
    print_field(out, "url", member_string(order, "url"));
    print_field(out, "created",
                text_time_zone(when, sizeof(when), member_string(order, "created")));
    print_field(out, "updated",
                text_time_zone(when, sizeof(when), member_string(order, "updated")));
    if (member_string(order, "failure") != NULL) {
        print_field(out, "failure", member_string(order, "failure"));
    }
    fputc('\n', out);
    json_array_foreach(events, i, event)
    {
        char stamp[64];
        const char *time = member_string(event, "time"), *fraction;
        text_time(stamp, sizeof(stamp), time);
        /* Steps follow each other within milliseconds. */
        fraction = time != NULL ? strchr(time, '.') : NULL;
        snprintf(when, sizeof(when), "%.40s%.4s", stamp,
                 fraction != NULL && strspn(fraction + 1, "0123456789") >= 3 ? fraction : "");
        const char *message = member_string(event, "message");
        fprintf(out, "%s  ", when);
        print_lines(out, (int)strlen(when) + 2, message != NULL ? message : "-");
    }
    free(names);
    return 0;
}

static int print(const json_t *data, FILE *out)
{
    const json_t *order = json_object_get(data, "order");
    if (json_is_object(order)) {
        return print_one(order, json_object_get(data, "events"), out);
    }
    return print_list(json_object_get(data, "orders"), out);
}

const struct ctl_command ctl_orders = {.name = "orders",
                                       .arguments = "[ID]",
                                       .option = "--limit",
                                       .help = "list orders, newest first, or tell all of one",
                                       .fill = fill,
                                       .print = print};

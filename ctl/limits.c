#include <errno.h>
#include <stdbool.h>
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
        return err_set(err, ERR_UNKNOWN, "limits takes one name, not '%.100s' as well",
                       request->words[1]);
    }
    if (request->forget && request->count == 0) {
        return err_set(err, ERR_UNKNOWN, "limits --forget needs a name after it");
    }
    if (request->count == 1 &&
        json_object_set_new(line, "name", json_string(request->words[0])) < 0) {
        return err_set(err, ERR_UNKNOWN, "the name is not UTF-8");
    }
    if (request->forget && json_object_set_new(line, "forget", json_true()) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

static const struct {
    const char *what, *shown;
} kinds[] = {
    {"orders", "orders in 3 h"},
    {"domain", "certificates of a domain in 7 d"},
    {"exact", "certificates of these names in 7 d"},
    {"failures", "failed authorizations in 1 h"},
    {"requests", "requests in 24 h"},
    {"delay", "failures in a row"},
    {"told", "said by the CA"},
};

static const char *kind_of(const json_t *row)
{
    const char *what = member_string(row, "what");
    for (size_t i = 0; what != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].what, what) == 0) {
            return kinds[i].shown;
        }
    }
    return what;
}

/* Of several lines the first: the rest is in the log and, whole, in --json. */
static void put_words(struct table *table, const char *text)
{
    char *line = text != NULL ? strndup(text, strcspn(text, "\n")) : NULL;

    table_put(table, line);
    free(line);
}

static void put_row(struct table *table, const json_t *row)
{
    const char *next = member_string(row, "next"), *what = member_string(row, "what");
    bool told = what != NULL && strcmp(what, "told") == 0;
    char digits[32], when[64];

    table_put(table, member_string(row, "authority"));
    table_put(table, kind_of(row));
    table_put(table, member_string(row, "subject"));
    table_put(table, told ? NULL : member_digits(row, "used", digits, sizeof(digits)));
    table_put(table, member_digits(row, "limit", digits, sizeof(digits)));
    table_put(table, next != NULL ? text_time_zone(when, sizeof(when), next) : "now");
    put_words(table, member_string(row, "text"));
}

static int print(const json_t *data, FILE *out)
{
    static const char *const heads[] = {"CA",      "LIMIT",         "OF",    "USED#",
                                        "OF ALL#", "NEXT POSSIBLE", "WORDS", NULL};
    const json_t *row;
    size_t i;
    if (json_is_true(json_object_get(data, "forgotten"))) {
        fputs("forgotten\n", out);
        return 0;
    }
    if (json_array_size(json_object_get(data, "limits")) == 0) {
        fputs("no limit is known of these CAs, or none of it is used; nobody waits\n", out);
        return 0;
    }
    struct table *table = table_new(heads);
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(json_object_get(data, "limits"), i, row)
    {
        put_row(table, row);
    }
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

const struct ctl_command ctl_limits = {.name = "limits",
                                       .arguments = "[NAME]",
                                       .option = "--forget",
                                       .help = "what is left of the CAs' limits, and who waits",
                                       .fill = fill,
                                       .print = print};

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/member.h"
#include "ctl/table.h"

static int fill(json_t *request, char *const *words, size_t count, long limit, struct err *err)
{
    size_t len = 0, at = 0;

    if (count == 0 || limit > 0) {
        return err_set(err, ERR_UNKNOWN,
                       count == 0 ? "persist needs a name" : "persist takes no --limit");
    }
    for (size_t i = 0; i < count; i++) {
        if (strchr(words[i], ',') != NULL) {
            return err_set(err, ERR_UNKNOWN, "'%.100s' is no name", words[i]);
        }
        len += strlen(words[i]) + 1;
    }
    char *names = malloc(len);
    if (names == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(words[i]);
        memcpy(names + at, words[i], n);
        at += n;
        names[at++] = i + 1 < count ? ',' : '\0';
    }
    int ret = json_object_set_new(request, "name", json_string(names));
    free(names);
    return ret == 0 ? 0 : err_set(err, ERR_UNKNOWN, "the name is not UTF-8");
}

/* Lines of a zone file, with what they are for behind them. */
static int print(const json_t *data, FILE *out)
{
    static const char *const heads[] = {"OWNER", "TYPE", "VALUE", "CHALLENGE", "AUTHORITY", NULL};
    const json_t *record;
    struct table *table = table_new(heads);
    size_t i;
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(json_object_get(data, "records"), i, record)
    {
        const char *value = member_string(record, "value");
        const char *problem = member_string(record, "problem");
        table_put(table, member_string(record, "owner"));
        table_put(table, member_string(record, "type"));
        if (value == NULL && problem != NULL) {
            table_putf(table, "(%s)", problem);
        } else {
            table_put(table, value);
        }
        table_put(table, member_string(record, "challenge"));
        table_put(table, member_string(record, "authority"));
    }
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

const struct ctl_command ctl_persist = {.name = "persist",
                                        .arguments = "NAME...",
                                        .help = "records that prove a domain once and for all",
                                        .fill = fill,
                                        .print = print};

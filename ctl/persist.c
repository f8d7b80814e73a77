#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "ctl/table.h"

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    if (request->count == 0) {
        return err_set(err, ERR_UNKNOWN, "persist needs a name");
    }
    for (size_t i = 0; i < request->count; i++) {
        if (strchr(request->words[i], ',') != NULL) {
            return err_set(err, ERR_UNKNOWN, "'%.100s' is no name", request->words[i]);
        }
    }
    return ctl_put_names(line, "name", request, err);
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

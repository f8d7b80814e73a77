#include <errno.h>

#include "ctl/command.h"
#include "ctl/member.h"
#include "ctl/table.h"
#include "ctl/text.h"

static int print(const json_t *data, FILE *out)
{
    static const char *const heads[] = {"NAME", "VALUE", "ORDER#", "EXPIRES", "ZONE", NULL};
    const json_t *record;
    struct table *table = table_new(heads);
    char digits[32], when[64];
    size_t i;
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(json_object_get(data, "records"), i, record)
    {
        table_put(table, member_string(record, "name"));
        table_put(table, member_string(record, "value"));
        table_put(table, member_digits(record, "order", digits, sizeof(digits)));
        table_put(table, text_time(when, sizeof(when), member_string(record, "expires")));
        table_put(table, member_string(record, "zone"));
    }
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

const struct ctl_command ctl_records = {
    .name = "records", .help = "list the challenge values that are served now", .print = print};

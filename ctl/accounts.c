#include <errno.h>

#include "ctl/command.h"
#include "ctl/member.h"
#include "ctl/table.h"
#include "ctl/text.h"

static int print(const json_t *data, FILE *out)
{
    static const char *const heads[] = {"DIRECTORY", "ACCOUNT", "THUMBPRINT", "CREATED", NULL};
    const json_t *account;
    struct table *table = table_new(heads);
    char when[64];
    size_t i;
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(json_object_get(data, "accounts"), i, account)
    {
        table_put(table, member_string(account, "directory"));
        table_put(table, member_string(account, "url"));
        table_put(table, member_string(account, "thumbprint"));
        table_put(table, text_time(when, sizeof(when), member_string(account, "created")));
    }
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

const struct ctl_command ctl_accounts = {
    .name = "accounts", .help = "list the accounts at CAs", .print = print};

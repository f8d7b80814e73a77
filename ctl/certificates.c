#include <errno.h>
#include <stdlib.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "ctl/table.h"
#include "ctl/text.h"

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    if (request->count > 1) {
        return err_set(err, ERR_UNKNOWN, "certificates takes one name, not '%.100s' as well",
                       request->words[1]);
    }
    if (request->count == 1 &&
        json_object_set_new(line, "name", json_string(request->words[0])) < 0) {
        return err_set(err, ERR_UNKNOWN, "the name is not UTF-8");
    }
    if (request->limit > 0 &&
        json_object_set_new(line, "limit", json_integer(request->limit)) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

static int print(const json_t *data, FILE *out)
{
    static const char *const heads[] = {"ORDER#", "NAMES",   "ISSUER", "NOT BEFORE", "NOT AFTER",
                                        "RENEW",  "REVOKED", "SERIAL", NULL};
    const json_t *certificate;
    struct table *table = table_new(heads);
    char digits[32], when[64];
    size_t i;
    if (table == NULL) {
        return -ENOMEM;
    }
    json_array_foreach(json_object_get(data, "certificates"), i, certificate)
    {
        char *names = member_joined_short(certificate, "names");
        table_put(table, member_digits(certificate, "order", digits, sizeof(digits)));
        table_put(table, names);
        table_put(table, member_string(certificate, "issuer"));
        table_put(table, text_time(when, sizeof(when), member_string(certificate, "not_before")));
        table_put(table, text_time(when, sizeof(when), member_string(certificate, "not_after")));
        const json_t *renewal = json_object_get(certificate, "renewal");
        table_put(table, text_time(when, sizeof(when), member_string(renewal, "moment")));
        table_put(table, text_time(when, sizeof(when), member_string(certificate, "revoked")));
        table_put(table, member_string(certificate, "serial"));
        free(names);
    }
    int ret = table_print(table, out);
    table_free(table);
    return ret;
}

const struct ctl_command ctl_certificates = {.name = "certificates",
                                             .arguments = "[NAME]",
                                             .option = "--limit",
                                             .help = "list certificates, newest first",
                                             .fill = fill,
                                             .print = print};

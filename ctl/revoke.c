#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "ctl/text.h"

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    if (request->count == 0) {
        return err_set(err, ERR_UNKNOWN,
                       "revoke needs a serial number: certmillctl certificates shows them");
    }
    if (request->count > 1) {
        return err_set(err, ERR_UNKNOWN, "revoke takes one serial number, not '%.100s' as well",
                       request->words[1]);
    }
    if (json_object_set_new(line, "serial", json_string(request->words[0])) < 0 ||
        (request->reason != NULL &&
         json_object_set_new(line, "reason", json_string(request->reason)) < 0)) {
        return err_set(err, ERR_UNKNOWN, "the serial number or the reason is not UTF-8");
    }
    return 0;
}

static int print(const json_t *data, FILE *out)
{
    const char *serial = member_string(data, "serial"), *reason = member_string(data, "reason");
    char when[64];
    text_time_zone(when, sizeof(when), member_string(data, "revoked"));
    return fprintf(out, "certificate %s %s since %s: %s\n", serial != NULL ? serial : "-",
                   json_is_true(json_object_get(data, "already")) ? "was revoked before,"
                                                                  : "is revoked",
                   when, reason != NULL ? reason : "-") < 0
               ? -1
               : 0;
}

const struct ctl_command ctl_revoke = {.name = "revoke",
                                       .arguments = "SERIAL",
                                       .option = "--reason",
                                       .help = "have the CA revoke a certificate",
                                       .fill = fill,
                                       .print = print};

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "ctl/text.h"

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    if (request->count == 0) {
        return err_set(err, ERR_UNKNOWN, "check needs the names to be looked at after it");
    }
    return ctl_put_names(line, "names", request, err);
}

static const char *mark_of(const json_t *finding)
{
    const char *severity = member_string(finding, "severity");
    if (severity != NULL && strcmp(severity, "good") == 0) {
        return "good";
    }
    return severity != NULL && strcmp(severity, "temporary") == 0 ? "unclear" : "WRONG";
}

static int print(const json_t *data, FILE *out)
{
    const json_t *finding;
    size_t i;
    json_array_foreach(json_object_get(data, "findings"), i, finding)
    {
        const char *text = member_string(finding, "text");
        char *safe = text_escape(text != NULL ? text : "-");
        if (safe == NULL) {
            return -ENOMEM;
        }
        fprintf(out, "%-8s %s\n", mark_of(finding), safe);
        free(safe);
    }
    return ferror(out) ? -EIO : 0;
}

static int status(const json_t *data)
{
    return json_is_true(json_object_get(data, "good")) ? CTL_OK : CTL_REFUSED;
}

const struct ctl_command ctl_check = {.name = "check",
                                      .arguments = "NAME...",
                                      .help = "look at what a CA will find before it is asked",
                                      .fill = fill,
                                      .print = print,
                                      .status = status};

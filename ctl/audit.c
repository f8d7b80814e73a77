/*
 * The audit log, read from its files: whoever may not trust the server asks nobody else.
 */
#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "issuer/audit.h"

#define FOLDER "/var/lib/certmill/audit"

static int run(const struct ctl_request *request, FILE *out, struct err *err)
{
    char *const *words = request->words;
    size_t count = request->count;

    if (count < 1 || count > 2 || strcmp(words[0], "verify") != 0) {
        err_set(err, ERR_UNKNOWN, "audit takes verify, and where the log is not in %s its folder",
                FOLDER);
        return CTL_USAGE;
    }
    int ret = audit_verify(count == 2 ? words[1] : FOLDER, out, err);
    if (fflush(out) != 0 && ret == 0) {
        ret = err_set(err, -errno, "standard output: %s", err_string(-errno));
    }
    return ret == 0 ? CTL_OK : CTL_REFUSED;
}

const struct ctl_command ctl_audit = {.name = "audit",
                                      .arguments = "verify [FOLDER]",
                                      .help = "check that each line of the audit log follows from "
                                              "the one before",
                                      .run = run};

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/member.h"
#include "ctl/text.h"

#define OPTION "--reason"

/* The value of the option at words[i], or NULL where it has none. */
static const char *value_of(char *const *words, size_t count, size_t *i)
{
    const char *word = words[*i];
    size_t len = strlen(OPTION);
    if (word[len] == '=') {
        return word + len + 1;
    }
    return *i + 1 < count ? words[++*i] : NULL;
}

static int fill(json_t *request, char *const *words, size_t count, long limit, struct err *err)
{
    const char *serial = NULL, *reason = NULL;
    if (limit > 0) {
        return err_set(err, ERR_UNKNOWN, "revoke takes no --limit");
    }
    for (size_t i = 0; i < count; i++) {
        if (strncmp(words[i], OPTION, strlen(OPTION)) == 0) {
            if ((reason = value_of(words, count, &i)) == NULL) {
                return err_set(err, ERR_UNKNOWN, OPTION " needs a word after it");
            }
        } else if (serial != NULL) {
            return err_set(err, ERR_UNKNOWN, "revoke takes one serial number, not '%.100s' as well",
                           words[i]);
        } else {
            serial = words[i];
        }
    }
    if (serial == NULL) {
        return err_set(err, ERR_UNKNOWN,
                       "revoke needs a serial number: certmillctl certificates shows them");
    }
    if (json_object_set_new(request, "serial", json_string(serial)) < 0 ||
        (reason != NULL && json_object_set_new(request, "reason", json_string(reason)) < 0)) {
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
                                       .arguments = "SERIAL [--reason WORD]",
                                       .help = "have the CA revoke a certificate",
                                       .fill = fill,
                                       .print = print};

#include "issuer/revoke_reason.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    bool taken;
} reasons[] = {
    [0] = {"unspecified", true},         [1] = {"keyCompromise", true},
    [2] = {"cACompromise", false},       [3] = {"affiliationChanged", true},
    [4] = {"superseded", true},          [5] = {"cessationOfOperation", true},
    [6] = {"certificateHold", false},    [8] = {"removeFromCRL", false},
    [9] = {"privilegeWithdrawn", false}, [10] = {"aACompromise", false},
};

const char *const revoke_reason_words[] = {"unspecified",          "keyCompromise",
                                           "affiliationChanged",   "superseded",
                                           "cessationOfOperation", NULL};

#define REASONS ((int)(sizeof reasons / sizeof *reasons))

int revoke_reason_parse(int *reason, const char *word, struct err *err)
{
    char digits[12];

    for (int i = 0; i < REASONS; i++) {
        (void)snprintf(digits, sizeof digits, "%d", i);
        if (reasons[i].taken &&
            (strcasecmp(word, reasons[i].name) == 0 || strcmp(word, digits) == 0)) {
            *reason = i;
            return 0;
        }
    }
    return err_set(err, ERR_RANGE, "\"%.64s\" is no reason: taken are " REVOKE_REASONS, word);
}

const char *revoke_reason_name(int reason)
{
    return reason >= 0 && reason < REASONS && reasons[reason].name != NULL ? reasons[reason].name
                                                                           : "unknown";
}

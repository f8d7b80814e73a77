/*
 * certmillctl's commands: one row each, one file each.
 */
#ifndef CERTMILL_CTL_COMMAND_H
#define CERTMILL_CTL_COMMAND_H

#include <jansson.h>
#include <stdio.h>

#include "common/err.h"

struct ctl_request;

struct ctl_command {
    const char *name;      /* also the op of docs/protocol.md */
    const char *arguments; /* for help */
    const char *help;
    const char *option; /* of ctl_options, the one that it takes and not all do; or NULL */
    /* Puts what the words and that option ask for into the line; NULL where the command takes no
     * words. ERR_UNKNOWN, ERR_RANGE: wrong usage. */
    int (*fill)(json_t *line, const struct ctl_request *request, struct err *err);
    /* Prints the data of a good answer for people; members that are missing show as "-".
     * Returns 0 or -errno. NULL: the command is answered here, by local. */
    int (*print)(const json_t *data, FILE *out);
    int (*local)(FILE *out);
    /* The exit status that the data of a good answer makes, an enum ctl_status; NULL: CTL_OK. */
    int (*status)(const json_t *data);
    /* In place of all of these: does everything itself. Returns an enum ctl_status; err where it is
     * not CTL_OK. */
    int (*run)(const struct ctl_request *request, FILE *out, struct err *err);
};

extern const struct ctl_command ctl_audit, ctl_authorized_keys, ctl_backup, ctl_restore, ctl_check,
    ctl_check_store, ctl_ping, ctl_status, ctl_orders, ctl_records, ctl_certificates, ctl_accounts,
    ctl_limits, ctl_persist, ctl_revoke, ctl_reload, ctl_help, ctl_version;

/* All of them, in the order of help; NULL-terminated. */
extern const struct ctl_command *const ctl_commands[];
const struct ctl_command *ctl_command_find(const char *name);

#endif

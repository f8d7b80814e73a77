#include <string.h>

#include "ctl/command.h"

const struct ctl_command *const ctl_commands[] = {
    &ctl_ping,
    &ctl_status,
    &ctl_orders,
    &ctl_records,
    &ctl_certificates,
    &ctl_audit,
    &ctl_backup,
    &ctl_restore,
    &ctl_check_store,
    &ctl_accounts,
    &ctl_check,
    &ctl_limits,
    &ctl_authorized_keys,
    &ctl_persist,
    &ctl_revoke,
    &ctl_reload,
    &ctl_help,
    &ctl_version,
    NULL,
};

const struct ctl_command *ctl_command_find(const char *name)
{
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        if (strcmp(ctl_commands[i]->name, name) == 0) {
            return ctl_commands[i];
        }
    }
    return NULL;
}

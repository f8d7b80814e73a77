/*
 * What certmill says of itself.
 */
#ifndef CERTMILL_CLIENT_HELP_H
#define CERTMILL_CLIENT_HELP_H

#include <stdio.h>

#include "client/command.h"

/* All commands, by what they do, and all options. */
void help_all(FILE *out);

/* One command. */
void help_command(const struct client_command *command, FILE *out);

#endif

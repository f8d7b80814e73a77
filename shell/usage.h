/*
 * What certmill-shell's `help` prints, from its tables.
 */
#ifndef CERTMILL_SHELL_USAGE_H
#define CERTMILL_SHELL_USAGE_H

/* The whole text; malloc'd, NULL where memory is short. */
char *usage_text(void);

#endif

/*
 * The program of this folder; see docs/architecture.md.
 */
#ifndef CERTMILL_SHELL_SHELL_H
#define CERTMILL_SHELL_SHELL_H

/* Returns the exit status (docs/protocol.md). */
int shell_main(int argc, char **argv);

#endif

/*
 * The program of this folder; see docs/architecture.md.
 */
#ifndef CERTMILL_CTL_CTL_H
#define CERTMILL_CTL_CTL_H

/* Returns the exit status (docs/protocol.md). */
int ctl_main(int argc, char **argv);

#endif

/*
 * The program of this folder; see docs/architecture.md.
 */
#ifndef CERTMILL_CLIENT_CLIENT_H
#define CERTMILL_CLIENT_CLIENT_H

/* Returns the exit status (docs/protocol.md). */
int client_main(int argc, char **argv);

#endif

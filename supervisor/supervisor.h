/*
 * certmilld's first process: it opens what needs privileges, starts the three others,
 * starts again what dies, and reloads. It reads nothing that came from outside.
 */
#ifndef CERTMILL_SUPERVISOR_SUPERVISOR_H
#define CERTMILL_SUPERVISOR_SUPERVISOR_H

#include <stdint.h>

/* How long a child may take, in milliseconds. */
struct supervisor_limits {
    uint64_t start_ms;  /* LIMIT_START_MS: until it is ready */
    uint64_t reload_ms; /* LIMIT_RELOAD_MS: the issuer, to judge a new configuration */
};

/* Exit status: 0 after a stop that was asked for, 2 where configuration or surroundings are
 * at fault (said on stderr), 1 for failures of our own: a child that is not ready in time. */
int supervisor_main(int argc, char **argv, char **envp);
int supervisor_run(int argc, char **argv, char **envp, const struct supervisor_limits *limits);

/* Reads configuration and zone files and says whether they are good. */
int supervisor_check(int argc, char **argv, char **envp);

#endif

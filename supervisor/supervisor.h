/*
 * certmilld's first process: it opens what needs privileges, starts the three others,
 * starts again what dies, and reloads. It reads nothing that came from outside.
 */
#ifndef CERTMILL_SUPERVISOR_SUPERVISOR_H
#define CERTMILL_SUPERVISOR_SUPERVISOR_H

/* Exit status: 0 after a stop that was asked for, 2 where configuration or surroundings are
 * at fault (said on stderr), 1 for failures of our own. */
int supervisor_main(int argc, char **argv, char **envp);

/* Reads configuration and zone files and says whether they are good. */
int supervisor_check(int argc, char **argv, char **envp);

#endif

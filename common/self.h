/*
 * What a process asks of the kernel for itself, where every system has a call of its own.
 */
#ifndef CERTMILL_COMMON_SELF_H
#define CERTMILL_COMMON_SELF_H

#include <stdbool.h>
#include <stddef.h>

/* For ps(1); at most 15 characters show. */
void self_name(const char *name);

/* Cores that this process may use, at least 1. */
size_t self_cores(void);

/* Threads share one heap, where the C library would make one for each. Before there are any. */
void self_one_heap(void);

/* The signal that comes when the parent ends; 0: none. A change of user, and of what a process may
 * do, forgets it. The parent may have ended before: the caller looks. Async-signal-safe. -errno. */
int self_set_death_signal(int signal);
int self_death_signal(void);

/* Whether there may be core dumps, and other processes of the same user may trace this one. -errno.
 */
int self_set_dumpable(bool dumpable);

/* No program executed from here on gets more rights by its file's (setuid). -errno. */
int self_no_new_privs(void);

/* Gives up what an ordinary user may have been given of root's rights. -errno. */
int self_drop_capabilities(void);

/* Closes all descriptors from this one on. Async-signal-safe. -errno. */
int self_close_from(unsigned first);

/* Executes this same program anew, its file replaced meanwhile or not; returns on failure only.
 * Async-signal-safe. */
void self_execute(char *const *argv, char *const *envp);

#endif

/*
 * What a process gives up once started. One call after another, in this order:
 * sandbox_drop_user, sandbox_files, sandbox_calls. Each can be had as an
 * ordinary user except the change of user and root. The first two are to be called while the
 * process has one thread: threads made later inherit it all. The third holds for all threads that
 * there are, and for dnsd it is to come when they have been made. Libraries that load files at
 * first use (OpenSSL's configuration, gconv) are to be used once before.
 */
#ifndef CERTMILL_COMMON_SANDBOX_H
#define CERTMILL_COMMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct sandbox_path {
    const char *path; /* a missing path is skipped */
    bool write;       /* read and write below it, else read only */
};

/* Started as root: chroots into root (where not NULL), sets groups, gid and uid of user
 * (getpwnam before the chroot), and proves that there is no way back. Started as an
 * ordinary user: changes neither. Always: no capabilities, no_new_privs, umask 077; core
 * dumps off where keep_core is false; a parent-death signal is kept. ERR_NOT_FOUND names an
 * unknown user, ERR_POLICY one that is root. */
int sandbox_drop_user(const char *user, const char *root, bool keep_core, struct err *err);

/* Files only below these paths, besides /dev/urandom and /dev/null (count 0: none at all), TCP
 * neither bound nor connected unless tcp_connect (Landlock; kernels with network rules). A kernel
 * that has no such thing is not an error: *active says what holds. */
int sandbox_files(const struct sandbox_path *paths, size_t count, bool tcp_connect, bool *active,
                  struct err *err);

/* System calls: what a profile does not list fails with EPERM, except execve and the like, which
 * kill (seccomp). */
enum sandbox_profile {
    SANDBOX_DNSD,   /* no exec, no thread, no descriptor but TCP clients and what its peers send */
    SANDBOX_ISSUER, /* files and sockets, no exec, no ptrace, no bind below */
    SANDBOX_SIGNER, /* files, no sockets of its own, no clients, no exec */
};
int sandbox_calls(enum sandbox_profile profile, struct err *err);

/* What this build leaves out of the above (sanitizers), as a sentence for the log; else NULL. */
const char *sandbox_note(void);

#endif

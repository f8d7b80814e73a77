/*
 * What a process gives up once started. One call after another, in this order:
 * sandbox_drop_user, sandbox_landlock, sandbox_seccomp. Each can be had as an
 * ordinary user except the change of user and root.
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
 * ordinary user: does nothing. Always: no_new_privs, umask 077; core dumps off where
 * keep_core is false. ERR_NOT_FOUND names an unknown user. */
int sandbox_drop_user(const char *user, const char *root, bool keep_core, struct err *err);

/* Landlock: files only below these paths (count 0: none at all), TCP neither bound nor
 * connected unless tcp_connect (kernels with network rules). A kernel without Landlock
 * is not an error: *active says what holds. */
int sandbox_landlock(const struct sandbox_path *paths, size_t count, bool tcp_connect,
                     bool *active, struct err *err);

/* seccomp allow list (libseccomp): what is not in it fails with EPERM, except execve and
 * the like, which kill. profile: */
enum sandbox_profile {
    SANDBOX_DNSD,   /* no open, no socket, no connect, no exec */
    SANDBOX_ISSUER, /* files and sockets, no exec, no ptrace, no bind below */
    SANDBOX_SIGNER, /* files, no sockets of its own, no exec */
};
int sandbox_seccomp(enum sandbox_profile profile, struct err *err);

#endif

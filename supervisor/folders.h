/*
 * The folders that certmilld and its children work in, made and given to whom they belong.
 */
#ifndef CERTMILL_SUPERVISOR_FOLDERS_H
#define CERTMILL_SUPERVISOR_FOLDERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/server_conf.h"

/*
 * state-dir          searched by all children as root (0711), else 0700
 * state-dir/keys     0700, signer-user
 * state-dir/store    0700, user
 * state-dir/audit    0700, user
 * run-dir            0755
 * run-dir/empty      0555, where dnsd is locked in
 * As an ordinary user all belong to us. Errors name the folder or user and what to do.
 */
int folders_state(const struct server_conf *conf, struct err *err);
int folders_run(const struct server_conf *conf, struct err *err);

/* Whether the three users are there, none of them root, and no two the same one. Nothing to judge
 * where we are not root. */
int folders_users(const struct server_conf *conf, struct err *err);

/* The group of a user; ERR_NOT_FOUND. Our own one where we are not root. */
int folders_group(const char *user, gid_t *gid, struct err *err);

#endif

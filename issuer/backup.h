/*
 * A backup of the store, made beside it between other work, for certmillctl to take away.
 */
#ifndef CERTMILL_ISSUER_BACKUP_H
#define CERTMILL_ISSUER_BACKUP_H

#include <stdint.h>
#include <uv.h>

#include "common/err.h"
#include "issuer/store.h"

struct backup;

/* Copies go to path, a file in the store's folder; one that is left from before is removed. */
int backup_new(struct backup **out, uv_loop_t *loop, struct store *store, const char *path);
/* Whoever waits is told ERR_CANCELLED before it returns. */
void backup_free(struct backup *backup);

/* error 0: the copy is whole; else text says what failed, and no copy is left. */
typedef void backup_fn(void *arg, int error, const char *text, const char *path);
/* ERR_BUSY while another one is being made; -ENOMEM, or the store's error: no callback comes. */
int backup_run(struct backup *backup, backup_fn *fn, void *arg, struct err *err);

#endif

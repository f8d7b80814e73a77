#include "issuer/backup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGES 64 /* a turn of the loop: 256 KiB, well below a millisecond */

struct backup {
    struct store *store;
    char *path;
    uv_idle_t idle;
    struct store_backup *job;
    backup_fn *fn;
    void *arg;
};

int backup_new(struct backup **out, uv_loop_t *loop, struct store *store, const char *path)
{
    struct backup *backup = calloc(1, sizeof *backup);

    if (backup == NULL || (backup->path = strdup(path)) == NULL) {
        free(backup);
        return -ENOMEM;
    }
    backup->store = store;
    (void)uv_idle_init(loop, &backup->idle);
    backup->idle.data = backup;
    (void)unlink(path);
    *out = backup;
    return 0;
}

static void finish(struct backup *backup, int ret, const char *text)
{
    backup_fn *fn = backup->fn;

    (void)uv_idle_stop(&backup->idle);
    store_backup_free(backup->job);
    backup->job = NULL;
    if (ret < 0) {
        (void)unlink(backup->path);
    }
    fn(backup->arg, ret, text, backup->path);
}

static void on_idle(uv_idle_t *idle)
{
    struct backup *backup = idle->data;
    struct err err = {0};
    int ret = store_backup_step(backup->job, PAGES, &err);

    if (ret <= 0) {
        finish(backup, ret, err.text);
    }
}

int backup_run(struct backup *backup, backup_fn *fn, void *arg, struct err *err)
{
    int ret;

    if (backup->job != NULL) {
        return err_set(err, ERR_BUSY, "another backup is being made");
    }
    if ((ret = store_backup_start(&backup->job, backup->store, backup->path, err)) < 0) {
        return ret;
    }
    backup->fn = fn;
    backup->arg = arg;
    return uv_idle_start(&backup->idle, on_idle);
}

static void on_closed(uv_handle_t *handle)
{
    struct backup *backup = handle->data;

    free(backup->path);
    free(backup);
}

void backup_free(struct backup *backup)
{
    if (backup == NULL) {
        return;
    }
    if (backup->job != NULL) {
        finish(backup, ERR_CANCELLED, "the server is being stopped");
    }
    uv_close((uv_handle_t *)&backup->idle, on_closed);
}

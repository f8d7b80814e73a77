/*
 * The store in the issuer's process. One that cannot be opened (damaged, of a newer version, on a
 * disk that may not be written) costs certificates only: the zones are served, requests are
 * answered with the reason, and the file is tried again from time to time and at each reload. When
 * it opens, the process ends, and the supervisor starts it with the store; dnsd answers meanwhile.
 */
#include <stdio.h>

#include "common/clock.h"
#include "issuer/issuer.h"

#define RETRY_MS  10000
#define RELOAD_MS 200 /* so that who asked for a reload has its answer */

static void store_path(char dst[static LIMIT_PATH + 32], const struct issuer *issuer)
{
    (void)snprintf(dst, LIMIT_PATH + 32, "%s/store/certmill.db", issuer->boot.conf.state_dir);
}

static int open_good(struct issuer *issuer, const char *path, uint64_t *generation, struct err *err)
{
    int ret = store_open(&issuer->store, path, err);

    if (ret == 0 && (ret = store_generation_get(issuer->store, generation, err)) < 0) {
        store_close(issuer->store);
        issuer->store = NULL;
    }
    return ret;
}

static int make_backup(struct issuer *issuer)
{
    char path[LIMIT_PATH + 32];

    (void)snprintf(path, sizeof path, "%s/store/backup.db", issuer->boot.conf.state_dir);
    return backup_new(&issuer->backup, &issuer->loop, issuer->store, path);
}

int issuer_store_open(struct issuer *issuer, uint64_t *generation, struct err *err)
{
    char path[LIMIT_PATH + 32];
    struct err why = {0};

    store_path(path, issuer);
    if (open_good(issuer, path, generation, &why) == 0) {
        return make_backup(issuer);
    }
    *generation = 1; /* so the publisher begins with the clock */
    if (store_open_lost(&issuer->store, path, &why) < 0) {
        return err_set(err, why.code, "%s", why.text);
    }
    log_critical(issuer->log, NULL, "%s. Until then no certificate is issued; the zones are served",
                 why.text);
    return make_backup(issuer);
}

static void on_retry(uv_timer_t *timer)
{
    struct issuer *issuer = timer->data;
    struct store *store;
    char path[LIMIT_PATH + 32];
    struct err err = {0};

    store_path(path, issuer);
    if (store_open(&store, path, &err) < 0) {
        log_debug(issuer->log, NULL, "%s", err.text);
        return;
    }
    store_close(store);
    log_info(issuer->log, NULL, "the store can be opened again: the issuer starts anew with it");
    issuer_stop(issuer);
}

void issuer_store_watch(struct issuer *issuer)
{
    if (store_lost(issuer->store) == NULL) {
        return;
    }
    (void)uv_timer_init(&issuer->loop, &issuer->store_timer);
    issuer->store_timer.data = issuer;
    issuer->store_watched = true;
    (void)uv_timer_start(&issuer->store_timer, on_retry, RETRY_MS, RETRY_MS);
}

void issuer_store_retry(struct issuer *issuer)
{
    if (issuer->store_watched) {
        (void)uv_timer_start(&issuer->store_timer, on_retry, RELOAD_MS, RETRY_MS);
    }
}

void issuer_store_stop(struct issuer *issuer)
{
    if (issuer->store_watched) {
        uv_close((uv_handle_t *)&issuer->store_timer, NULL);
    }
}

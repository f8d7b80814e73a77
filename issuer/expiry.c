#include "issuer/expiry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/limits.h"

#define FIRST_MS  2000 /* after the start */
#define ROUND_MS  3600000
#define PIECE_MS  10
#define ROWS      500 /* looked at in a piece: about 0.1 ms */
#define TOLD_MOST 16  /* told of in a piece */
#define STAGES    2
#define DAY       86400

struct certificate {
    struct store_ending ending;
    uint64_t order;
    char *names, *serial, *client, *directory, *spki;
    bool revoked;
    bool wanted; /* to be told of */
};

struct expiry {
    struct expiry_options opt;
    uv_timer_t timer;
    struct store_ending cursor;
    struct certificate found[TOLD_MOST]; /* by the piece at hand */
    size_t count;
    int64_t now;
    bool pruning;
};

static void on_timer(uv_timer_t *timer)
{
    struct expiry *expiry = timer->data;

    (void)uv_timer_start(timer, on_timer, expiry_step(expiry) ? PIECE_MS : ROUND_MS, 0);
}

int expiry_new(struct expiry **out, const struct expiry_options *options)
{
    struct expiry *expiry = calloc(1, sizeof *expiry);

    if (expiry == NULL) {
        return -ENOMEM;
    }
    expiry->opt = *options;
    (void)uv_timer_init(options->loop, &expiry->timer);
    expiry->timer.data = expiry;
    (void)uv_timer_start(&expiry->timer, on_timer, FIRST_MS, 0);
    uv_unref((uv_handle_t *)&expiry->timer);
    *out = expiry;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void expiry_free(struct expiry *expiry)
{
    if (expiry != NULL) {
        uv_close((uv_handle_t *)&expiry->timer, on_closed);
    }
}

void expiry_configure(struct expiry *expiry, const struct server_conf *conf)
{
    if (expiry != NULL) {
        expiry->opt.conf = conf;
    }
}

int expiry_stage(const struct server_conf *conf, int64_t not_before, int64_t not_after, int64_t now)
{
    int64_t rest = conf->renew_within > 0 ? conf->renew_within * DAY : (not_after - not_before) / 3;
    int64_t left = not_after - now;

    if (left <= 0 || now < not_before) {
        return 0;
    }
    return left <= rest / 8 ? 2 : left <= rest / 2 ? 1 : 0;
}

/* -- telling -- */

static void on_ending(void *arg, const struct store_ending *ending)
{
    struct expiry *expiry = arg;

    if (ending->told <
            expiry_stage(expiry->opt.conf, ending->not_before, ending->not_after, expiry->now) &&
        expiry->count < TOLD_MOST) {
        expiry->found[expiry->count++] = (struct certificate){.ending = *ending};
    }
}

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

/* The row is good within the callback only, in which the store must not be called. */
static void on_certificate(void *arg, const struct store_certificate *row)
{
    struct certificate *cert = arg;

    cert->order = row->order_id;
    cert->names = copy(row->names);
    cert->serial = copy(row->serial);
    cert->client = copy(row->client);
    cert->directory = copy(row->directory_url);
    cert->spki = copy(row->spki_sha256);
    cert->revoked = row->revoked != 0;
}

static void clear(struct certificate *cert)
{
    free(cert->names);
    free(cert->serial);
    free(cert->client);
    free(cert->directory);
    free(cert->spki);
}

static void tell(const struct expiry *expiry, const struct certificate *cert)
{
    const time_t end = (time_t)cert->ending.not_after;
    char text[160], until[32] = "?";
    struct tm tm;

    if (gmtime_r(&end, &tm) != NULL) {
        (void)strftime(until, sizeof until, "%FT%TZ", &tm);
    }
    (void)snprintf(text, sizeof text, "ends %s, in %lld h, and its names have no newer certificate",
                   until, (long long)((cert->ending.not_after - expiry->now) / 3600));
    log_warning(expiry->opt.log, NULL, "the certificate %.64s of order %llu (%.128s) %s",
                cert->serial, (unsigned long long)cert->order, cert->names, text);
    audit_write(expiry->opt.audit, &(struct audit_event){.what = "expiring",
                                                         .client = cert->client,
                                                         .peer_uid = -1,
                                                         .order = cert->order,
                                                         .spki_sha256 = cert->spki,
                                                         .names = cert->names,
                                                         .authority = cert->directory,
                                                         .serial = cert->serial,
                                                         .outcome = text});
}

static int look_at(struct expiry *expiry, struct certificate *cert, struct err *err)
{
    struct store *store = expiry->opt.store;
    const struct store_ending *at = &cert->ending;
    int stage = expiry_stage(expiry->opt.conf, at->not_before, at->not_after, expiry->now);
    int ret = store_certificate_get(store, at->id, on_certificate, cert, err);

    if (ret == 0 && (cert->names == NULL || cert->serial == NULL)) {
        ret = err_set(err, -ENOMEM, "out of memory while looking for certificates that end");
    }
    if (ret == 0) {
        ret = cert->revoked ? 1 : store_is_replaced(store, at->id, cert->names, err);
    }
    if (ret >= 0) {
        cert->wanted = ret == 0;
        ret = store_ending_told(store, at->id, cert->wanted ? stage : STAGES, err);
    }
    return ret;
}

/* Remembered first, in one go: a disk that takes nothing has it told later, not again and again. */
static int look_at_all(struct expiry *expiry, struct err *err)
{
    int ret = expiry->count > 0 ? store_batch_begin(expiry->opt.store, err) : 0;

    if (ret < 0 || expiry->count == 0) {
        return ret;
    }
    for (size_t i = 0; ret == 0 && i < expiry->count; i++) {
        ret = look_at(expiry, &expiry->found[i], err);
    }
    if (ret < 0) {
        (void)store_batch_end(expiry->opt.store, NULL);
    } else {
        ret = store_batch_end(expiry->opt.store, err);
    }
    for (size_t i = 0; i < expiry->count; i++) {
        if (ret == 0 && expiry->found[i].wanted) {
            tell(expiry, &expiry->found[i]);
        }
        clear(&expiry->found[i]);
    }
    return ret;
}

/* -- the round -- */

static bool give_up(struct expiry *expiry, const struct err *err)
{
    log_error(expiry->opt.log, NULL, "%s", err->text);
    expiry->cursor = (struct store_ending){0};
    expiry->pruning = false;
    return false;
}

static bool step_ending(struct expiry *expiry, struct err *err)
{
    const struct store_ending begin = expiry->cursor;
    int ret;

    expiry->count = 0;
    ret = store_ending_each(expiry->opt.store, &expiry->cursor, ROWS, on_ending, expiry, err);
    if (ret < 0) {
        return give_up(expiry, err);
    }
    if (look_at_all(expiry, err) < 0) {
        return give_up(expiry, err);
    }
    if (expiry->count == TOLD_MOST) {
        expiry->cursor = begin; /* there may be more among them */
    } else if (ret < ROWS) {
        expiry->pruning = true;
    }
    return true;
}

static bool step_prune(struct expiry *expiry, struct err *err)
{
    int64_t before = (expiry->now - (int64_t)LIMIT_EVENT_DAYS * DAY) * 1000000;
    int ret = store_events_prune(expiry->opt.store, before, ROWS, err);

    if (ret < 0) {
        return give_up(expiry, err);
    }
    expiry->pruning = ret == ROWS;
    expiry->cursor = (struct store_ending){0};
    return expiry->pruning;
}

bool expiry_step(struct expiry *expiry)
{
    struct err err = {0};

    expiry->now = clock_wall_s(expiry->opt.clock);
    if (store_lost(expiry->opt.store) != NULL) {
        return false;
    }
    if (expiry->pruning) {
        return step_prune(expiry, &err);
    }
    if (expiry->cursor.not_after < expiry->now) {
        expiry->cursor = (struct store_ending){.not_after = expiry->now};
    }
    return step_ending(expiry, &err);
}

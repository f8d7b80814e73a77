/*
 * What is kept, for how long, and what becomes of it when the clock is set.
 */
#include "issuer/ledger_priv.h"

#include <stdlib.h>
#include <string.h>

#define STEP_S      60  /* the clock was set back where it lost so much at once */
#define FUTURE_ROWS 256 /* put right at once */

int64_t ledger_kept(enum store_ledger_kind kind)
{
    switch (kind) {
    case STORE_LEDGER_ORDERS:
    case STORE_LEDGER_FAILURES:
    case STORE_LEDGER_REQUESTS:
        return 2 * LEDGER_DAY;
    case STORE_LEDGER_EXACT:
        return LEDGER_SAME_S;
    default:
        return LEDGER_WEEK + LEDGER_DAY;
    }
}

static int prune_all(struct ledger *ledger, int64_t now, struct err *err)
{
    int ret = 0;

    for (int i = STORE_LEDGER_ORDERS; ret == 0 && i < STORE_LEDGER_KINDS; i++) {
        enum store_ledger_kind kind = (enum store_ledger_kind)i;

        ret = store_ledger_prune(ledger->store, kind, now - ledger_kept(kind), err);
    }
    return ret;
}

void ledger_prune(struct ledger *ledger, int64_t now)
{
    struct err err = {0};

    ledger->checks = 0;
    if (store_batch_begin(ledger->store, &err) == 0) {
        (void)prune_all(ledger, now, &err);
        (void)store_batch_end(ledger->store, &err);
    }
    if (err.code != 0) {
        log_warning(ledger->log, NULL, "%s", err.text);
    }
}

int ledger_get(struct ledger *ledger, const struct store_ledger_key *key,
               struct store_ledger_row *row, int64_t now, struct err *err)
{
    int ret = store_ledger_get(ledger->store, key, row, err);

    if (ret > 0) {
        ledger_clamp(row, now);
    }
    return ret;
}

struct future {
    struct ledger *ledger;
    size_t count;
    struct {
        char *authority, *subject;
    } keys[FUTURE_ROWS];
};

static void note_future(void *arg, const struct store_ledger_key *key,
                        const struct store_ledger_row *row)
{
    struct future *future = arg;
    char *authority = strdup(key->authority), *subject = strdup(key->subject);

    (void)row;
    if (authority == NULL || subject == NULL) {
        free(authority);
        free(subject);
        return;
    }
    future->keys[future->count].authority = authority;
    future->keys[future->count++].subject = subject;
}

/* Puts rows of a kind right that are in the future; how many. */
static size_t clamp_some(struct ledger *ledger, enum store_ledger_kind kind, int64_t now)
{
    struct future *future = calloc(1, sizeof *future);
    struct store_ledger_row row;
    size_t count = 0;

    if (future == NULL) {
        return 0;
    }
    (void)store_ledger_each(ledger->store, kind, now + 1, FUTURE_ROWS, note_future, future, NULL);
    for (size_t i = 0; i < future->count; i++) {
        struct store_ledger_key key = {kind, future->keys[i].authority, future->keys[i].subject};

        if (ledger_get(ledger, &key, &row, now, NULL) > 0) {
            count += store_ledger_put(ledger->store, &key, &row) == 0;
        }
        free(future->keys[i].authority);
        free(future->keys[i].subject);
    }
    free(future);
    /* where nothing can be written the next look finds the same rows again */
    return store_flush(ledger->store, NULL) == 0 ? count : 0;
}

void ledger_clamp_all(struct ledger *ledger, int64_t now)
{
    size_t all = 0, some;

    for (int kind = STORE_LEDGER_ORDERS; kind < STORE_LEDGER_KINDS; kind++) {
        do {
            some = clamp_some(ledger, (enum store_ledger_kind)kind, now);
            all += some;
        } while (some == FUTURE_ROWS);
    }
    if (all > 0) {
        log_warning(ledger->log, NULL,
                    "the clock was set back: %zu limits count from now what was in the future",
                    all);
    }
}

/* Whether the clock was set back since it was last looked at; if not, it has been looked at. */
static bool set_back(struct ledger *ledger, int64_t now)
{
    int64_t offset = now - (int64_t)(clock_mono_ms(ledger->clock) / 1000);

    if (offset < ledger->offset - STEP_S) {
        return true;
    }
    ledger->offset = offset;
    return false;
}

int64_t ledger_now(struct ledger *ledger)
{
    int64_t now = clock_wall_s(ledger->clock);

    if (set_back(ledger, now)) {
        ledger_clamp_all(ledger, now);
        ledger->offset = now - (int64_t)(clock_mono_ms(ledger->clock) / 1000);
    }
    return now;
}

int64_t ledger_counting_now(struct ledger *ledger)
{
    int64_t now = clock_wall_s(ledger->clock);

    (void)set_back(ledger, now);
    return now;
}

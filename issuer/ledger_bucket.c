/*
 * One limit of one subject. Each row keeps both ways of counting: points in time (uses) for
 * windows, and for refilling the time at which the bucket will be full again (until; the
 * "theoretical arrival time" of the generic cell rate algorithm, which Boulder keeps as well).
 */
#include "issuer/ledger_priv.h"

#include <string.h>

/* The CA counts from when it hears of an order, we from when it is taken. */
#define WINDOW_SLACK   5
#define INTERVAL_SLACK 1

/* What a row can hold that was not damaged. */
#define FAR        (INT64_C(1) << 40) /* seconds; the year 36812 */
#define MOST_AHEAD (4 * LEDGER_WEEK)
#define MOST_COUNT 1000000

struct ledger_rule ledger_rule_of(enum store_ledger_kind kind,
                                  const struct authority_limits *limits, int64_t per_day)
{
    static const struct authority_limits none = {0};
    bool refills;

    limits = limits != NULL ? limits : &none;
    refills = limits->letsencrypt;
    switch (kind) {
    case STORE_LEDGER_ORDERS:
        return (struct ledger_rule){limits->orders, LEDGER_ORDERS, refills};
    case STORE_LEDGER_DOMAIN:
        return (struct ledger_rule){limits->domain, LEDGER_WEEK, refills};
    case STORE_LEDGER_EXACT:
        return (struct ledger_rule){limits->exact, LEDGER_WEEK, refills};
    case STORE_LEDGER_FAILURES:
        return (struct ledger_rule){limits->failures, LEDGER_HOUR, refills};
    case STORE_LEDGER_REQUESTS:
        return (struct ledger_rule){per_day, LEDGER_DAY, false};
    default:
        return (struct ledger_rule){0};
    }
}

static int64_t interval(const struct ledger_rule *rule)
{
    return (rule->window + rule->limit - 1) / rule->limit + INTERVAL_SLACK;
}

/* Makes room: the two points that are closest become one, at the later time. */
static void merge(struct store_ledger_row *row)
{
    size_t best = 0;

    for (size_t i = 1; i + 1 < row->use_count; i++) {
        if (row->uses[i + 1].at - row->uses[i].at < row->uses[best + 1].at - row->uses[best].at) {
            best = i;
        }
    }
    row->uses[best + 1].n = row->uses[best].n > UINT32_MAX - row->uses[best + 1].n
                                ? UINT32_MAX
                                : row->uses[best].n + row->uses[best + 1].n;
    memmove(&row->uses[best], &row->uses[best + 1],
            (row->use_count - best - 1) * sizeof *row->uses);
    row->use_count--;
}

static void drop_old(struct store_ledger_row *row, int64_t before)
{
    size_t old = 0;

    while (old < row->use_count && row->uses[old].at < before) {
        old++;
    }
    memmove(row->uses, row->uses + old, (row->use_count - old) * sizeof *row->uses);
    row->use_count -= old;
}

void ledger_bucket_add(struct store_ledger_row *row, const struct ledger_rule *rule, int64_t now)
{
    int64_t most;

    drop_old(row, now - rule->window - WINDOW_SLACK);
    if (row->use_count > 0 && row->uses[row->use_count - 1].at == now &&
        row->uses[row->use_count - 1].n < UINT32_MAX) {
        row->uses[row->use_count - 1].n++;
    } else {
        if (row->use_count == LIMIT_LEDGER_USES) {
            merge(row);
        }
        row->uses[row->use_count++] = (struct store_ledger_use){now, 1};
    }
    row->at = now;
    if (rule->limit > 0) {
        row->until = (row->until > now ? row->until : now) + interval(rule);
        most = now + rule->limit * interval(rule);
        row->until = row->until < most ? row->until : most;
    }
}

/* A time at which it was set wrong does not count for more than a whole bucket. */
static int64_t full_again(const struct store_ledger_row *row, const struct ledger_rule *rule,
                          int64_t now)
{
    int64_t most = now + rule->limit * interval(rule);

    return row->until < most ? row->until : most;
}

int64_t ledger_bucket_used(const struct store_ledger_row *row, const struct ledger_rule *rule,
                           int64_t now)
{
    int64_t used = 0, until;

    if (rule->limit <= 0) {
        return 0;
    }
    if (rule->refills) {
        until = full_again(row, rule, now);
        used = until > now ? (until - now + interval(rule) - 1) / interval(rule) : 0;
    } else {
        for (size_t i = row->use_count; i-- > 0;) {
            used += row->uses[i].at > now - rule->window - WINDOW_SLACK ? row->uses[i].n : 0;
        }
    }
    return used < rule->limit ? used : rule->limit;
}

/* The use that has to leave the window: of those in it, the limit-th from the newest on. */
static int64_t window_next(const struct store_ledger_row *row, const struct ledger_rule *rule,
                           int64_t now)
{
    int64_t window = rule->window + WINDOW_SLACK, sum = 0;

    for (size_t i = row->use_count; i-- > 0;) {
        int64_t at = row->uses[i].at < now ? row->uses[i].at : now;

        if (at <= now - window) {
            return 0;
        }
        sum += row->uses[i].n;
        if (sum >= rule->limit) {
            return at + window;
        }
    }
    return 0;
}

int64_t ledger_bucket_next(const struct store_ledger_row *row, const struct ledger_rule *rule,
                           int64_t now)
{
    int64_t next;

    if (rule->limit <= 0) {
        return 0;
    }
    if (!rule->refills) {
        return window_next(row, rule, now);
    }
    next = full_again(row, rule, now) - (rule->limit - 1) * interval(rule);
    return next > now ? next : 0;
}

int64_t ledger_delay_end(const struct store_ledger_row *row, int64_t now)
{
    int64_t delay = LEDGER_DELAY_FIRST, at = row->at < now ? row->at : now;

    if (row->count <= LEDGER_DELAY_FREE || at <= now - LEDGER_WEEK) {
        return 0;
    }
    for (int64_t i = LEDGER_DELAY_FREE + 1; i < row->count && delay < LEDGER_DELAY_MOST; i++) {
        delay *= 2;
    }
    delay = delay < LEDGER_DELAY_MOST ? delay : LEDGER_DELAY_MOST;
    return at + delay > now ? at + delay : 0;
}

static int64_t within(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value < most ? value : most;
}

void ledger_clamp(struct store_ledger_row *row, int64_t now)
{
    int64_t at = within(row->at, FAR), ahead = within(row->until, FAR) - at;

    row->at = at < now ? at : now;
    row->until = row->at + (ahead < MOST_AHEAD ? ahead : MOST_AHEAD);
    row->count = within(row->count, MOST_COUNT);
    for (size_t i = 0; i < row->use_count; i++) {
        row->uses[i].at = within(row->uses[i].at, now);
    }
}

#include "issuer/ledger_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PRUNE_EVERY 256 /* checks */

/* -- life -- */

int ledger_new(struct ledger **out, struct store *store, const struct clock *clock, struct log *log,
               struct err *err)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    int64_t now = clock_wall_s(clock);

    if (ledger == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    *ledger = (struct ledger){.store = store, .clock = clock, .log = log};
    ledger->offset = now - (int64_t)(clock_mono_ms(clock) / 1000);
    ledger->psl = ledger->own_psl = psl_latest(NULL); /* Debian's package, where it is newer */
    if (ledger->psl == NULL && (ledger->psl = psl_builtin()) == NULL) {
        free(ledger);
        return err_set(err, ERR_NOT_FOUND,
                       "libpsl has no public suffix list; install the package publicsuffix");
    }
    if (store_lost(store) == NULL) {
        ledger_prune(ledger, now);
        ledger_clamp_all(ledger, now);
    }
    *out = ledger;
    return 0;
}

void ledger_free(struct ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    psl_free(ledger->own_psl);
    free(ledger);
}

/* -- checking -- */

const char *ledger_time(char dst[static LEDGER_TIME_TEXT], int64_t at)
{
    time_t t = (time_t)at;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL ||
        strftime(dst, LEDGER_TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0) {
        (void)snprintf(dst, LEDGER_TIME_TEXT, "%lld", (long long)at);
    }
    return dst;
}

/* What is in the way so far: of several, what ends last. */
struct verdict {
    struct ledger *ledger;
    const struct ledger_order *order;
    int64_t now, retry_at;
    int ret; /* of reading */
    struct err *err;
};

static void in_the_way(struct verdict *v, int64_t until, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void in_the_way(struct verdict *v, int64_t until, const char *fmt, ...)
{
    char text[LIMIT_ERROR_TEXT], when[LEDGER_TIME_TEXT];
    va_list args;

    if (until <= v->now || until <= v->retry_at) {
        return;
    }
    v->retry_at = until;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)err_set(v->err, ERR_LATER, "%.900s; try again at %s", text, ledger_time(when, until));
}

/* The row, where there is one. */
static bool get(struct verdict *v, enum store_ledger_kind kind, const char *authority,
                const char *subject, struct store_ledger_row *row)
{
    const struct store_ledger_key key = {kind, authority, subject};
    int ret = v->ret < 0 ? v->ret : ledger_get(v->ledger, &key, row, v->now, v->err);

    v->ret = ret < 0 ? ret : 0;
    return ret > 0;
}

static int64_t bucket(struct verdict *v, enum store_ledger_kind kind, const char *subject)
{
    const struct authority *authority = v->order->authority;
    const struct ledger_rule rule = ledger_rule_of(kind, &authority->limits, 0);
    struct store_ledger_row row;

    return rule.limit > 0 && get(v, kind, authority->directory, subject, &row)
               ? ledger_bucket_next(&row, &rule, v->now)
               : 0;
}

static void check_client(struct verdict *v)
{
    const struct ledger_order *order = v->order;
    const struct ledger_rule rule =
        ledger_rule_of(STORE_LEDGER_REQUESTS, NULL, order->requests_per_day);
    struct store_ledger_row row;

    if (order->client != NULL && rule.limit > 0 &&
        get(v, STORE_LEDGER_REQUESTS, "", order->client, &row)) {
        in_the_way(v, ledger_bucket_next(&row, &rule, v->now),
                   "client %s may make %lld requests a day, and has made them", order->client,
                   (long long)rule.limit);
    }
}

static void check_told(struct verdict *v, enum store_ledger_kind kind, const char *subject)
{
    const struct authority *authority = v->order->authority;
    struct store_ledger_row row;

    /* count: it holds for renewals as well */
    if (!get(v, kind, authority->directory, subject, &row) ||
        (v->order->renewal && row.count == 0)) {
        return;
    }
    if (row.until > v->now + LEDGER_TOLD_MOST) {
        row.until = v->now + LEDGER_TOLD_MOST;
    }
    in_the_way(v, row.until, "%s has said, and is not asked again before: %s", authority->name,
               row.text);
}

static void check_failures(struct verdict *v, const char *name)
{
    const struct authority *authority = v->order->authority;

    in_the_way(v, bucket(v, STORE_LEDGER_FAILURES, name),
               "%s lets %lld authorizations of %s fail in an hour, and they have failed",
               authority->name, (long long)authority->limits.failures, name);
    check_told(v, STORE_LEDGER_TOLD_NAME, name);
}

static void check_delay(struct verdict *v, const char *name)
{
    struct store_ledger_row row;
    char when[LEDGER_TIME_TEXT];

    if (get(v, STORE_LEDGER_DELAY, "", name, &row)) {
        in_the_way(v, ledger_delay_end(&row, v->now),
                   "%s has failed %lld times in a row, the last time at %s%s%.500s; once the cause "
                   "is gone, 'certmillctl limits --forget %s' lets it be asked for at once",
                   name, (long long)row.count, ledger_time(when, row.at),
                   row.text[0] != '\0' ? ": " : "", row.text, name);
    }
}

/* Boulder's "renewal": the same names have had a certificate. */
static bool same_names(struct verdict *v, const char *names)
{
    const struct authority *authority = v->order->authority;
    struct store_ledger_row row;

    return authority->limits.letsencrypt && authority->limits.exact > 0 &&
           get(v, STORE_LEDGER_EXACT, authority->directory, names, &row) &&
           row.at > v->now - LEDGER_SAME_S;
}

static void check_issuance(struct verdict *v, const char *names, const char *const *domains,
                           size_t domain_count)
{
    const struct authority *authority = v->order->authority;

    in_the_way(v, bucket(v, STORE_LEDGER_EXACT, names),
               "%s issues %lld certificates for exactly these names in 7 days, and has done so",
               authority->name, (long long)authority->limits.exact);
    if (same_names(v, names)) {
        return;
    }
    in_the_way(v, bucket(v, STORE_LEDGER_ORDERS, ""),
               "%s takes %lld new orders of one account in 3 hours, and has taken them",
               authority->name, (long long)authority->limits.orders);
    for (size_t i = 0; i < domain_count; i++) {
        in_the_way(v, bucket(v, STORE_LEDGER_DOMAIN, domains[i]),
                   "%s issues %lld certificates for names of %s in 7 days, and has done so",
                   authority->name, (long long)authority->limits.domain, domains[i]);
    }
}

static void check_own(struct verdict *v)
{
    const char *bare[LIMIT_NAMES];
    size_t count = ledger_bare_names(v->order, bare);

    check_client(v);
    for (size_t i = 0; i < count; i++) {
        check_delay(v, bare[i]);
    }
}

static void check_ca(struct verdict *v, const char *names)
{
    const char *list[LIMIT_NAMES];
    size_t count = ledger_bare_names(v->order, list);

    check_told(v, STORE_LEDGER_TOLD_ACCOUNT, "");
    check_told(v, STORE_LEDGER_TOLD_NAMES, names);
    for (size_t i = 0; i < count; i++) {
        check_failures(v, list[i]);
    }
    count = ledger_domains(v->ledger, v->order, list);
    for (size_t i = 0; i < count; i++) {
        check_told(v, STORE_LEDGER_TOLD_DOMAIN, list[i]);
    }
    if (!v->order->renewal) {
        check_issuance(v, names, list, count);
    }
}

static int check(struct ledger *ledger, const struct ledger_order *order, bool at_ca,
                 int64_t *retry_at, struct err *err)
{
    char names[LIMIT_LEDGER_SUBJECT];
    struct err ignored;
    struct verdict v = {.ledger = ledger,
                        .order = order,
                        .now = ledger_now(ledger),
                        .err = err != NULL ? err : &ignored};

    *retry_at = 0;
    if (++ledger->checks >= PRUNE_EVERY) {
        ledger_prune(ledger, v.now);
    }
    if (ledger_names(names, order) < 0) {
        return err_set(err, ERR_CRYPTO, "the names of the order cannot be hashed");
    }
    check_own(&v);
    if (at_ca) {
        check_ca(&v, names);
    }
    if (v.ret < 0) {
        return v.ret;
    }
    *retry_at = v.retry_at;
    return v.retry_at > 0 ? ERR_LATER : 0;
}

int ledger_check(struct ledger *ledger, const struct ledger_order *order, int64_t *retry_at,
                 struct err *err)
{
    return check(ledger, order, true, retry_at, err);
}

int ledger_check_own(struct ledger *ledger, const struct ledger_order *order, int64_t *retry_at,
                     struct err *err)
{
    return check(ledger, order, false, retry_at, err);
}

/* -- counting -- */

static void out_of_memory(struct ledger *ledger)
{
    log_error(ledger->log, NULL, "out of memory: what counts towards a limit is not kept");
}

static void put(struct ledger *ledger, const struct store_ledger_key *key,
                const struct store_ledger_row *row)
{
    if (store_ledger_put(ledger->store, key, row) < 0) {
        out_of_memory(ledger);
    }
}

/* The row as it is, or an empty one. */
static void get_or_new(struct ledger *ledger, const struct store_ledger_key *key,
                       struct store_ledger_row *row, int64_t now)
{
    if (ledger_get(ledger, key, row, now, NULL) <= 0) {
        memset(row, 0, sizeof *row);
    }
}

static void count(struct ledger *ledger, const struct store_ledger_key *key,
                  const struct ledger_rule *rule)
{
    int64_t now = ledger_counting_now(ledger);
    struct store_ledger_row row;

    if (rule->limit > 0) {
        get_or_new(ledger, key, &row, now);
        ledger_bucket_add(&row, rule, now);
        put(ledger, key, &row);
    }
}

static void count_at(struct ledger *ledger, enum store_ledger_kind kind,
                     const struct authority *authority, const char *subject)
{
    const struct ledger_rule rule = ledger_rule_of(kind, &authority->limits, 0);

    count(ledger, &(struct store_ledger_key){kind, authority->directory, subject}, &rule);
}

static bool exempt(struct ledger *ledger, const struct ledger_order *order, const char *names)
{
    struct err ignored;
    struct verdict v = {
        .ledger = ledger, .order = order, .now = ledger_counting_now(ledger), .err = &ignored};

    return order->renewal || same_names(&v, names);
}

void ledger_ordered(struct ledger *ledger, const struct ledger_order *order)
{
    const struct ledger_rule requests =
        ledger_rule_of(STORE_LEDGER_REQUESTS, NULL, order->requests_per_day);
    char names[LIMIT_LEDGER_SUBJECT];

    if (order->client != NULL) {
        count(ledger, &(struct store_ledger_key){STORE_LEDGER_REQUESTS, "", order->client},
              &requests);
    }
    if (ledger_names(names, order) == 0 && !exempt(ledger, order, names)) {
        count_at(ledger, STORE_LEDGER_ORDERS, order->authority, "");
    }
}

void ledger_issued(struct ledger *ledger, const struct ledger_order *order)
{
    const char *list[LIMIT_NAMES];
    char names[LIMIT_LEDGER_SUBJECT];
    struct store_ledger_row row;
    size_t n;

    if (ledger_names(names, order) < 0) {
        return;
    }
    if (!exempt(ledger, order, names)) {
        n = ledger_domains(ledger, order, list);
        for (size_t i = 0; i < n; i++) {
            count_at(ledger, STORE_LEDGER_DOMAIN, order->authority, list[i]);
        }
    }
    count_at(ledger, STORE_LEDGER_EXACT, order->authority, names);
    n = ledger_bare_names(order, list);
    for (size_t i = 0; i < n; i++) {
        const struct store_ledger_key key = {STORE_LEDGER_DELAY, "", list[i]};

        if (store_ledger_get(ledger->store, &key, &row, NULL) > 0) {
            put(ledger, &key, NULL);
        }
    }
}

void ledger_failed_once(struct ledger *ledger, const struct authority *authority, const char *name)
{
    count_at(ledger, STORE_LEDGER_FAILURES, authority, ledger_bare(name));
}

void ledger_failed(struct ledger *ledger, const struct authority *authority, const char *name,
                   const char *text)
{
    const char *bare = ledger_bare(name);
    const struct store_ledger_key key = {STORE_LEDGER_DELAY, "", bare};
    int64_t now = ledger_counting_now(ledger);
    struct store_ledger_row row;

    ledger_failed_once(ledger, authority, name);
    get_or_new(ledger, &key, &row, now);
    if (row.at <= now - LEDGER_WEEK) {
        row.count = 0;
    }
    row.count++;
    row.at = now;
    (void)snprintf(row.text, sizeof row.text, "%s", text != NULL ? text : "");
    put(ledger, &key, &row);
}

/* Until when it is believed. renewals: it holds for them as well; what was said so before and is
 * not over yet goes on doing so. */
static int64_t tell(struct ledger *ledger, const struct store_ledger_key *key, int64_t retry_at,
                    const char *text, bool renewals)
{
    int64_t now = ledger_counting_now(ledger);
    struct store_ledger_row before, row = {.at = now, .until = retry_at};

    get_or_new(ledger, key, &before, now);
    if (row.until <= now) {
        row.until = ledger_told_time(text);
    }
    if (row.until <= now) {
        row.until = now + LEDGER_TOLD;
    }
    if (row.until > now + LEDGER_TOLD_MOST) {
        row.until = now + LEDGER_TOLD_MOST;
    }
    row.count = renewals || (before.until > now && before.count != 0);
    (void)snprintf(row.text, sizeof row.text, "%s", text);
    put(ledger, key, &row);
    return row.until;
}

int64_t ledger_limited(struct ledger *ledger, const struct ledger_order *order, int64_t retry_at,
                       const char *said)
{
    const char *text = said != NULL ? said : "";
    char subject[LIMIT_LEDGER_SUBJECT], when[LEDGER_TIME_TEXT];
    enum store_ledger_kind kind = ledger_told_scope(ledger, order, text, subject);
    /* a renewal is exempt from limits that are about an order's kind, but not from its own words */
    bool renewals =
        order->renewal || kind == STORE_LEDGER_TOLD_NAMES || kind == STORE_LEDGER_TOLD_NAME;
    int64_t until =
        tell(ledger, &(struct store_ledger_key){kind, order->authority->directory, subject},
             retry_at, text, renewals);

    log_warning(ledger->log, NULL, "%s limits %s%s%s: not asked again before %s",
                order->authority->name, kind == STORE_LEDGER_TOLD_ACCOUNT ? "this account" : "",
                subject, order->renewal ? " (renewal)" : "", ledger_time(when, until));
    return until;
}

int64_t ledger_limited_account(struct ledger *ledger, const struct authority *authority,
                               int64_t retry_at, const char *said)
{
    const struct store_ledger_key key = {STORE_LEDGER_TOLD_ACCOUNT, authority->directory, ""};
    char when[LEDGER_TIME_TEXT];
    int64_t until = tell(ledger, &key, retry_at, said != NULL ? said : "", true);

    log_warning(ledger->log, NULL, "%s limits this account: not asked again before %s",
                authority->name, ledger_time(when, until));
    return until;
}

#include "issuer/ledger_priv.h"

#include <errno.h>
#include <string.h>

struct showing {
    struct ledger *ledger;
    const struct authorities *all;
    const struct server_conf *conf;
    const char *name, *domain; /* or NULL: all */
    int64_t now;
    ledger_row_fn *fn;
    void *arg;
};

static const char *const words[STORE_LEDGER_KINDS] = {
    [STORE_LEDGER_ORDERS] = "orders",     [STORE_LEDGER_DOMAIN] = "domain",
    [STORE_LEDGER_EXACT] = "exact",       [STORE_LEDGER_FAILURES] = "failures",
    [STORE_LEDGER_REQUESTS] = "requests", [STORE_LEDGER_DELAY] = "delay",
    [STORE_LEDGER_TOLD_ACCOUNT] = "told", [STORE_LEDGER_TOLD_DOMAIN] = "told",
    [STORE_LEDGER_TOLD_NAME] = "told",    [STORE_LEDGER_TOLD_NAMES] = "told",
};

static int64_t per_day(const struct server_conf *conf, const char *client)
{
    const struct server_conf_client *rows = conf->clients.rows;

    for (size_t i = 0; i < conf->clients.count; i++) {
        if (strcmp(rows[i].name, client) == 0) {
            return rows[i].requests_per_day;
        }
    }
    return 0;
}

/* Whether one of the names divided by "," is this one, as itself or as "*.NAME". */
static bool names_it(const char *names, const char *name)
{
    size_t len = strlen(name);

    while (*names != '\0') {
        size_t n = strcspn(names, ", "); /* also the first of "NAME and 3 more" */
        size_t star = strncmp(names, "*.", 2) == 0 ? 2 : 0;

        if (n - star == len && memcmp(names + star, name, len) == 0) {
            return true;
        }
        names += n + (names[n] != '\0');
    }
    return false;
}

static bool concerns(const struct showing *s, const struct store_ledger_key *key)
{
    if (s->name == NULL) {
        return true;
    }
    switch (key->kind) {
    case STORE_LEDGER_ORDERS:
    case STORE_LEDGER_TOLD_ACCOUNT:
        return true;
    case STORE_LEDGER_DOMAIN:
    case STORE_LEDGER_TOLD_DOMAIN:
        return strcmp(key->subject, s->domain) == 0;
    case STORE_LEDGER_REQUESTS:
        return false;
    default:
        return names_it(key->subject, s->name);
    }
}

/* The row of a limit; force: also where none of it is used. */
static void show_bucket(const struct showing *s, const struct authority *authority,
                        const struct store_ledger_key *key, const struct store_ledger_row *row,
                        bool force)
{
    const struct ledger_rule rule =
        ledger_rule_of(key->kind, authority != NULL ? &authority->limits : NULL,
                       authority == NULL ? per_day(s->conf, key->subject) : 0);
    const struct ledger_row shown = {
        .authority = authority != NULL ? authority->name : NULL,
        .what = words[key->kind],
        .subject = key->subject[0] != '\0' ? key->subject : NULL,
        .used = ledger_bucket_used(row, &rule, s->now),
        .limit = rule.limit,
        .next = ledger_bucket_next(row, &rule, s->now),
    };

    if (rule.limit > 0 && (shown.used > 0 || force)) {
        s->fn(s->arg, &shown);
    }
}

static void show_delay(const struct showing *s, const struct store_ledger_key *key,
                       const struct store_ledger_row *row)
{
    s->fn(s->arg, &(struct ledger_row){.what = words[key->kind],
                                       .subject = key->subject,
                                       .used = row->count,
                                       .next = ledger_delay_end(row, s->now),
                                       .text = row->text});
}

static void show_told(const struct showing *s, const struct authority *authority,
                      const struct store_ledger_key *key, const struct store_ledger_row *row)
{
    if (row->until > s->now) {
        s->fn(s->arg, &(struct ledger_row){.authority =
                                               authority != NULL ? authority->name : key->authority,
                                           .what = words[key->kind],
                                           .subject = key->subject[0] != '\0' ? key->subject : NULL,
                                           .next = row->until,
                                           .text = row->text});
    }
}

static void show(void *arg, const struct store_ledger_key *key, const struct store_ledger_row *row)
{
    const struct showing *s = arg;
    const struct authority *authority =
        key->authority[0] != '\0' ? authorities_find(s->all, key->authority) : NULL;

    if (!concerns(s, key)) {
        return;
    }
    switch (key->kind) {
    case STORE_LEDGER_DELAY:
        show_delay(s, key, row);
        return;
    case STORE_LEDGER_TOLD_ACCOUNT:
    case STORE_LEDGER_TOLD_DOMAIN:
    case STORE_LEDGER_TOLD_NAME:
    case STORE_LEDGER_TOLD_NAMES:
        show_told(s, authority, key, row);
        return;
    case STORE_LEDGER_REQUESTS:
        show_bucket(s, NULL, key, row, false);
        return;
    default:
        if (authority != NULL) {
            show_bucket(s, authority, key, row, false);
        }
        return;
    }
}

/* One limit of each authority that has it; unused ones of those that are ordered from. */
static int show_single(const struct showing *s, enum store_ledger_kind kind, const char *subject,
                       struct err *err)
{
    for (size_t i = 0; i < s->all->count; i++) {
        const struct authority *authority = &s->all->list[i];
        const struct store_ledger_key key = {kind, authority->directory, subject};
        struct store_ledger_row row = {0};
        int ret = ledger_get(s->ledger, &key, &row, s->now, err);

        if (ret < 0) {
            return ret;
        }
        show_bucket(s, authority, &key, &row, i < s->all->configured);
    }
    return 0;
}

int ledger_each(struct ledger *ledger, const struct authorities *all,
                const struct server_conf *conf, const char *name, ledger_row_fn *fn, void *arg,
                struct err *err)
{
    struct showing s = {.ledger = ledger,
                        .all = all,
                        .conf = conf,
                        .name = name != NULL ? ledger_bare(name) : NULL,
                        .domain = name != NULL ? ledger_domain(ledger, name) : NULL,
                        .now = ledger_now(ledger),
                        .fn = fn,
                        .arg = arg};
    int ret = show_single(&s, STORE_LEDGER_ORDERS, "", err);

    if (ret == 0 && name != NULL) {
        ret = show_single(&s, STORE_LEDGER_DOMAIN, s.domain, err);
    }
    if (ret == 0 && name != NULL) {
        ret = show_single(&s, STORE_LEDGER_FAILURES, s.name, err);
    }
    for (int i = STORE_LEDGER_DOMAIN; ret == 0 && i < STORE_LEDGER_KINDS; i++) {
        enum store_ledger_kind kind = (enum store_ledger_kind)i;
        bool shown = kind == STORE_LEDGER_DOMAIN || kind == STORE_LEDGER_FAILURES;

        if (name == NULL || !shown) {
            ret = store_ledger_each(ledger->store, kind, s.now - ledger_kept(kind), LIMIT_ROWS,
                                    show, &s, err);
        }
    }
    return ret;
}

/* -- forgetting -- */

/* 1: it was there. */
static int forget_one(struct ledger *ledger, const struct store_ledger_key *key, struct err *err)
{
    struct store_ledger_row row;
    int ret = store_ledger_get(ledger->store, key, &row, err);

    if (ret > 0 && store_ledger_put(ledger->store, key, NULL) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return ret;
}

int ledger_forget(struct ledger *ledger, const struct authorities *all, const char *name,
                  struct err *err)
{
    const char *bare = ledger_bare(name), *domain = ledger_domain(ledger, name);
    struct store_ledger_key keys[1 + 2 * (LIMIT_AUTHORITIES + 2)] = {
        {STORE_LEDGER_DELAY, "", bare}};
    size_t count = 1, found = 0;

    for (size_t i = 0; i < all->count; i++) {
        const char *directory = all->list[i].directory;

        keys[count++] = (struct store_ledger_key){STORE_LEDGER_TOLD_NAME, directory, bare};
        keys[count++] = (struct store_ledger_key){STORE_LEDGER_TOLD_DOMAIN, directory, domain};
    }
    for (size_t i = 0; i < count; i++) {
        int ret = forget_one(ledger, &keys[i], err);

        if (ret < 0) {
            return ret;
        }
        found += (size_t)ret;
    }
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "nothing is held against %s", bare);
    }
    log_info(ledger->log, NULL, "%s may be asked for at once again", bare);
    return store_flush(ledger->store, err);
}

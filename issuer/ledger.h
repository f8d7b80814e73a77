/*
 * What counts towards limits, the CAs' and ours: orders, certificates and failures of the last
 * days, what a CA said about when to come again, and the growing delay of names that fail again and
 * again. Kept in the store, so that a restart forgets nothing. Times are Unix seconds. A clock that
 * was set back or forward neither opens a limit for ever nor closes one for longer than its window.
 */
#ifndef CERTMILL_ISSUER_LEDGER_H
#define CERTMILL_ISSUER_LEDGER_H

#include "common/clock.h"
#include "common/log.h"
#include "issuer/authority.h"
#include "issuer/store.h"

struct ledger;

/* store, clock and log outlive it. Reads what the windows still hold. */
int ledger_new(struct ledger **out, struct store *store, const struct clock *clock, struct log *log,
               struct err *err);
void ledger_free(struct ledger *ledger);

struct ledger_order {
    const struct authority *authority;
    char *const *names; /* normal form, sorted */
    size_t name_count;
    const char *client;       /* of the configuration, or NULL */
    int64_t requests_per_day; /* of that client; 0: no limit */
    bool renewal;             /* carries "replaces" (RFC 9773 5): the CA's limits do not hold */
};

/* Whether the CA would take an order now. ERR_LATER: *retry_at is when it will, and err says so in
 * a sentence with that time in UTC. */
int ledger_check(struct ledger *ledger, const struct ledger_order *order, int64_t *retry_at,
                 struct err *err);
/* newOrder was sent / a certificate was issued: durable with the store's next operation. */
void ledger_ordered(struct ledger *ledger, const struct ledger_order *order);
void ledger_issued(struct ledger *ledger, const struct ledger_order *order);
/* The authorization of one name failed at the CA, or the order for reasons of this name. */
void ledger_failed(struct ledger *ledger, const struct authority *authority, const char *name);
/* A CA answered rateLimited; retry_at 0: it did not say until when. Until then the same is answered
 * from here. */
void ledger_limited(struct ledger *ledger, const struct ledger_order *order, int64_t retry_at,
                    const char *text);

/* What is left, for certmillctl limits; called once a row. */
struct ledger_row {
    const char *authority; /* or NULL: a name's own delay, a client's day */
    const char *what;    /* "orders", "domain", "exact", "failures", "requests", "delay", "told" */
    const char *subject; /* registered domain, name, names divided by ",", client, or NULL */
    int64_t used, limit;
    int64_t next; /* when one more is possible, or 0: now */
};
typedef void ledger_row_fn(void *arg, const struct ledger_row *row);
void ledger_each(struct ledger *ledger, const struct authorities *all, ledger_row_fn *fn,
                 void *arg);

#endif

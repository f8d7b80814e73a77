/*
 * What counts towards limits, the CAs' and ours: orders, certificates and failures of the last
 * days, what a CA said about when to come again, and the growing delay of names that fail again and
 * again. Kept in the store and read from there as it is asked for, so that a restart forgets
 * nothing and memory does not grow. Times are Unix seconds.
 *
 * How is counted. A limit of N in a time W is a window: no more than N in any W. Let's Encrypt
 * refills instead: N at once, then one each W/N (Boulder's ratelimits; letsencrypt.org/docs/
 * rate-limits). In both cases some seconds are added, as the CA's clock counts from when it hears
 * of an order, so that what is let through here is not refused there. Above LIMIT_LEDGER_USES
 * points in time a window is coarser, on the strict side.
 *
 * What counts for what: orders when they are taken, certificates and failures when they come.
 * "Domain" is the registered domain, by the public suffix list with its private part (as Let's
 * Encrypt has it); a name that is a public suffix itself stands for itself. Wildcards fail and wait
 * as the name that they are below. An order that carries "replaces" (RFC 9773 5) is exempt from the
 * limits for orders, domain and exact names, and its certificate counts for the exact names
 * alone. At Let's Encrypt the same holds for orders and domain where the same names had a
 * certificate within LEDGER_SAME_S.
 *
 * A clock that was set back or forward neither opens a limit for ever nor closes one for longer
 * than its window: what is in the future is taken to be of now.
 */
#ifndef CERTMILL_ISSUER_LEDGER_H
#define CERTMILL_ISSUER_LEDGER_H

#include "common/clock.h"
#include "common/log.h"
#include "issuer/authority.h"
#include "issuer/store.h"

struct ledger;

#define LEDGER_HOUR   INT64_C(3600)
#define LEDGER_DAY    (24 * LEDGER_HOUR)
#define LEDGER_ORDERS (3 * LEDGER_HOUR)
#define LEDGER_WEEK   (7 * LEDGER_DAY)
/* Boulder looks 120 days back; certificates live 90, or less. */
#define LEDGER_SAME_S (90 * LEDGER_DAY)
/* The delay of a name: none after the first two failures, a minute after the third, doubled with
 * each, up to a day. Forgotten with the next certificate, or a week after the last failure. */
#define LEDGER_DELAY_FREE  2
#define LEDGER_DELAY_FIRST 60
#define LEDGER_DELAY_MOST  LEDGER_DAY
/* Where a CA answers rateLimited and does not say until when; and the longest that is believed. */
#define LEDGER_TOLD      LEDGER_HOUR
#define LEDGER_TOLD_MOST LEDGER_WEEK

/* store, clock and log outlive it. */
int ledger_new(struct ledger **out, struct store *store, const struct clock *clock, struct log *log,
               struct err *err);
void ledger_free(struct ledger *ledger);

struct ledger_order {
    const struct authority *authority;
    char *const *names; /* normal form, sorted */
    size_t name_count;
    const char *client;       /* of the configuration, or NULL */
    int64_t requests_per_day; /* of that client; 0: no limit, or counted at another CA already */
    bool renewal;             /* carries "replaces" (RFC 9773 5) */
};

/* Whether the CA would take an order now. ERR_LATER: *retry_at is when all that is in the way will
 * be over, and err says so in a sentence with that time in UTC. Where the store cannot be read: its
 * error. */
int ledger_check(struct ledger *ledger, const struct ledger_order *order, int64_t *retry_at,
                 struct err *err);
/* The same, but only what would be in the way at any CA: the client's requests a day and the delays
 * of names. */
int ledger_check_own(struct ledger *ledger, const struct ledger_order *order, int64_t *retry_at,
                     struct err *err);
/* An order is taken (to be called right after the ledger_check that it passed, so that many at once
 * do not slip through together) / a certificate was issued: found at once, durable with the store's
 * next operation. */
void ledger_ordered(struct ledger *ledger, const struct ledger_order *order);
void ledger_issued(struct ledger *ledger, const struct ledger_order *order);
/* The authorization of one name failed at the CA, or the order for reasons of this name. text: the
 * reason, for people; or NULL. */
void ledger_failed(struct ledger *ledger, const struct authority *authority, const char *name,
                   const char *text);
/* The same, but it was tried again at once: counts towards the CA's limit alone. */
void ledger_failed_once(struct ledger *ledger, const struct authority *authority, const char *name);
/* A CA answered rateLimited; retry_at 0: it did not say until when, and what text says counts.
 * Until then the same is answered from here: all orders of the account, all names of a domain, a
 * name, or the exact names, by what text says it is about. Returns until when that is. */
int64_t ledger_limited(struct ledger *ledger, const struct ledger_order *order, int64_t retry_at,
                       const char *text);

/* The same, said of the account as such (a nonce, the account itself) and not of an order: holds
 * all orders there up, renewals as well. */
int64_t ledger_limited_account(struct ledger *ledger, const struct authority *authority,
                               int64_t retry_at, const char *text);

/* "2026-11-21 01:46:18 UTC" */
#define LEDGER_TIME_TEXT 32
const char *ledger_time(char dst[static LEDGER_TIME_TEXT], int64_t at);

/* Forgets the delay of a name, and what CAs said of it and its domain. ERR_NOT_FOUND: there was
 * none. Durable. */
int ledger_forget(struct ledger *ledger, const struct authorities *all, const char *name,
                  struct err *err);

/* What is left, for certmillctl limits; called once a row. */
struct ledger_row {
    const char *authority; /* its name; or NULL: a name's own delay, a client's day */
    const char *what;    /* "orders", "domain", "exact", "failures", "requests", "delay", "told" */
    const char *subject; /* registered domain, name, names divided by "," (of many: the first, and
                            how many more), client, or NULL */
    int64_t used, limit; /* limit 0: does not apply ("delay", "told") */
    int64_t next;        /* when one more is possible, or 0: now */
    const char *text;    /* delay: the last failure; told: the CA's words; or NULL */
};
typedef void ledger_row_fn(void *arg, const struct ledger_row *row);
/* name: only what concerns this name (normal form), also where nothing is used yet; NULL: all that
 * is used, at most LIMIT_ROWS of a kind, the newest. conf: for the clients' requests a day. */
int ledger_each(struct ledger *ledger, const struct authorities *all,
                const struct server_conf *conf, const char *name, ledger_row_fn *fn, void *arg,
                struct err *err);

#endif

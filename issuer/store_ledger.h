/*
 * The ledger's rows in the store (issuer/ledger.h says what they mean). Written behind: a row that
 * is put is found at once, and durable with the store's next durable operation, so that no order
 * waits for the disk once more.
 */
#ifndef CERTMILL_ISSUER_STORE_LEDGER_H
#define CERTMILL_ISSUER_STORE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"
#include "issuer/store.h"

/* Stored as numbers: never changed, only added to. */
enum store_ledger_kind {
    STORE_LEDGER_ORDERS = 1,
    STORE_LEDGER_DOMAIN = 2,
    STORE_LEDGER_EXACT = 3,
    STORE_LEDGER_FAILURES = 4,
    STORE_LEDGER_REQUESTS = 5,
    STORE_LEDGER_DELAY = 6,
    STORE_LEDGER_TOLD_ACCOUNT = 7,
    STORE_LEDGER_TOLD_DOMAIN = 8,
    STORE_LEDGER_TOLD_NAME = 9,
    STORE_LEDGER_TOLD_NAMES = 10,
    STORE_LEDGER_KINDS,
};

struct store_ledger_key {
    enum store_ledger_kind kind;
    const char *authority; /* directory URL, or "" */
    const char *subject;
};

/* n times at this second (Unix). */
struct store_ledger_use {
    int64_t at;
    uint32_t n;
};

struct store_ledger_row {
    int64_t at, until; /* Unix seconds */
    int64_t count;
    size_t use_count;
    struct store_ledger_use uses[LIMIT_LEDGER_USES]; /* oldest first */
    char text[LIMIT_LEDGER_TEXT];
};

/* Puts (or replaces) a row; NULL deletes it. -ENOMEM. Where too many wait and the store cannot be
 * written, the oldest of them is lost. */
int store_ledger_put(struct store *store, const struct store_ledger_key *key,
                     const struct store_ledger_row *row);
/* 1: found, 0: not there, or an error. */
int store_ledger_get(struct store *store, const struct store_ledger_key *key,
                     struct store_ledger_row *row, struct err *err);

/* At most limit rows of a kind that are after a time or at it (at >= from), those waiting written
 * first where no batch is open. key and row are good within the callback only, which must not call
 * the store. The newest first. */
typedef void store_ledger_fn(void *arg, const struct store_ledger_key *key,
                             const struct store_ledger_row *row);
int store_ledger_each(struct store *store, enum store_ledger_kind kind, int64_t from,
                      unsigned limit, store_ledger_fn *fn, void *arg, struct err *err);
/* Deletes rows of a kind before a time (at < before), some hundred at once. Durable. */
int store_ledger_prune(struct store *store, enum store_ledger_kind kind, int64_t before,
                       struct err *err);

#endif

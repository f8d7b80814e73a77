/*
 * What the files of the ledger share. Nobody but ledger*.c includes this.
 *
 *   ledger.c         making, checks, counting
 *   ledger_keep.c    what is kept how long; a clock that was set
 *   ledger_bucket.c  one limit of one subject: windows and refilling
 *   ledger_told.c    what CAs said
 *   ledger_name.c    registered domains, what a set of names is called
 *   ledger_show.c    rows for people
 */
#ifndef CERTMILL_ISSUER_LEDGER_PRIV_H
#define CERTMILL_ISSUER_LEDGER_PRIV_H

#include <libpsl.h>

#include "issuer/ledger.h"
#include "issuer/store_ledger.h"

struct ledger {
    struct store *store;
    const struct clock *clock;
    struct log *log;
    const psl_ctx_t *psl;
    psl_ctx_t *own_psl; /* the same, where it is to be freed */
    int64_t offset;     /* wall clock less monotonic clock, seconds, when last looked at */
    unsigned checks;    /* since rows were pruned */
};

/* -- ledger_bucket.c: pure -- */
struct ledger_rule {
    int64_t limit;  /* 0: none */
    int64_t window; /* seconds */
    bool refills;
};

/* The rule of a kind at an authority; of REQUESTS: per_day. limit 0 where it has none. */
struct ledger_rule ledger_rule_of(enum store_ledger_kind kind,
                                  const struct authority_limits *limits, int64_t per_day);
void ledger_bucket_add(struct store_ledger_row *row, const struct ledger_rule *rule, int64_t now);
/* How many of the limit are used, at most all. */
int64_t ledger_bucket_used(const struct store_ledger_row *row, const struct ledger_rule *rule,
                           int64_t now);
/* When one more is possible; 0: now. */
int64_t ledger_bucket_next(const struct store_ledger_row *row, const struct ledger_rule *rule,
                           int64_t now);
/* When the delay of a name ends that has failed row->count times, last at row->at; 0: no delay. */
int64_t ledger_delay_end(const struct store_ledger_row *row, int64_t now);
/* What is in the future becomes of now, and what cannot be true possible. */
void ledger_clamp(struct store_ledger_row *row, int64_t now);

/* -- ledger_name.c -- */
/* Without "*.". */
const char *ledger_bare(const char *name);
/* The registered domain, within name. */
const char *ledger_domain(const struct ledger *ledger, const char *name);
/* The names as one subject. */
int ledger_names(char dst[static LIMIT_LEDGER_SUBJECT], const struct ledger_order *order);
/* The domains (names without "*.") of an order, each once. */
size_t ledger_domains(const struct ledger *ledger, const struct ledger_order *order,
                      const char *list[static LIMIT_NAMES]);
size_t ledger_bare_names(const struct ledger_order *order, const char *list[static LIMIT_NAMES]);

/* -- ledger_told.c -- */
/* What a text is about: the kind, and its subject ("" for the account). */
enum store_ledger_kind ledger_told_scope(const struct ledger *ledger,
                                         const struct ledger_order *order, const char *text,
                                         char subject[static LIMIT_LEDGER_SUBJECT]);
/* The time behind "retry after" in a text; 0: none. */
int64_t ledger_told_time(const char *text);

/* -- ledger_keep.c -- */
/* Now; rows of the future are put right where the clock was set back. Not within a batch. */
int64_t ledger_now(struct ledger *ledger);
/* Within a batch as well: rows are put right by the next ledger_now. */
int64_t ledger_counting_now(struct ledger *ledger);
/* The row as it may count now; as store_ledger_get. */
int ledger_get(struct ledger *ledger, const struct store_ledger_key *key,
               struct store_ledger_row *row, int64_t now, struct err *err);
/* How long rows of a kind are kept, seconds after row->at; and the end of those that are older. */
int64_t ledger_kept(enum store_ledger_kind kind);
void ledger_prune(struct ledger *ledger, int64_t now);
void ledger_clamp_all(struct ledger *ledger, int64_t now);

#endif

/*
 * A ledger on a store, with a clock that is set by hand.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_LEDGER_FIXTURE_H
#define CERTMILL_TESTS_UNIT_ISSUER_LEDGER_FIXTURE_H

#include "issuer/ledger.h"
#include "tests/unit/issuer/folder.h"

#define LEDGER_T0 1800000000 /* 2027-01-15 08:00:00 UTC */

struct ledger_fixture {
    struct folder folder;
    struct store *store;
    struct ledger *ledger;
    int64_t wall; /* seconds */
    uint64_t mono;
    struct clock clock;
    struct authority le, other;
    struct authorities all;
    struct server_conf conf;
    struct server_conf_client client;
};

static inline int64_t ledger_fixture_wall(void *arg)
{
    return ((struct ledger_fixture *)arg)->wall * 1000000;
}

static inline uint64_t ledger_fixture_mono(void *arg)
{
    return ((struct ledger_fixture *)arg)->mono * 1000;
}

static inline void ledger_fixture_open(struct ledger_fixture *f)
{
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(store_open(&f->store, folder_file(&f->folder, "store.db"), &err), 0);
    CU_ASSERT_EQUAL_FATAL(ledger_new(&f->ledger, f->store, &f->clock, NULL, &err), 0);
}

static inline void ledger_fixture_close(struct ledger_fixture *f)
{
    ledger_free(f->ledger);
    store_close(f->store);
}

static inline void ledger_fixture_set_up(struct ledger_fixture *f)
{
    memset(f, 0, sizeof *f);
    folder_make(&f->folder);
    f->wall = LEDGER_T0;
    f->mono = 1000;
    f->clock =
        (struct clock){.wall_us = ledger_fixture_wall, .mono_ms = ledger_fixture_mono, .arg = f};
    f->le = (struct authority){
        .name = "le",
        .directory = "https://le.example/dir",
        .limits = {.orders = 300, .domain = 50, .exact = 5, .failures = 5, .letsencrypt = true}};
    f->other = (struct authority){.name = "other",
                                  .directory = "https://other.example/dir",
                                  .limits = {.orders = 10, .domain = 4, .exact = 2, .failures = 3}};
    f->all.list[0] = f->le;
    f->all.list[1] = f->other;
    f->all.count = f->all.configured = 2;
    f->client = (struct server_conf_client){.name = (char *)"web", .requests_per_day = 3};
    f->conf = (struct server_conf){.clients = {&f->client, 1}};
    ledger_fixture_open(f);
}

static inline void ledger_fixture_tear_down(struct ledger_fixture *f)
{
    ledger_fixture_close(f);
    folder_remove(&f->folder);
}

/* Time passes, for both clocks. */
static inline void ledger_fixture_pass(struct ledger_fixture *f, int64_t seconds)
{
    f->wall += seconds;
    f->mono += (uint64_t)seconds;
}

/* The process ends and begins anew. */
static inline void ledger_fixture_restart(struct ledger_fixture *f)
{
    ledger_fixture_close(f);
    ledger_fixture_open(f);
}

static inline struct ledger_order ledger_order_of(const struct authority *authority, char **names,
                                                  size_t count)
{
    return (struct ledger_order){.authority = authority, .names = names, .name_count = count};
}

/* Seconds from now until it is possible; 0: now. */
static inline int64_t ledger_wait(struct ledger_fixture *f, const struct ledger_order *order,
                                  struct err *err)
{
    int64_t retry_at = -1;
    int ret = ledger_check(f->ledger, order, &retry_at, err);

    CU_ASSERT(ret == 0 || ret == ERR_LATER);
    CU_ASSERT_EQUAL(ret == 0, retry_at == 0);
    return ret == 0 ? 0 : retry_at - f->wall;
}

static inline int64_t ledger_wait_name(struct ledger_fixture *f, const struct authority *authority,
                                       const char *name)
{
    char *names[] = {(char *)(uintptr_t)name};
    const struct ledger_order order = ledger_order_of(authority, names, 1);
    struct err err = {0};

    return ledger_wait(f, &order, &err);
}

static inline void ledger_issue(struct ledger_fixture *f, const struct authority *authority,
                                const char *name)
{
    char *names[] = {(char *)(uintptr_t)name};
    const struct ledger_order order = ledger_order_of(authority, names, 1);

    ledger_issued(f->ledger, &order);
}

#endif

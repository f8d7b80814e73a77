/*
 * A publisher with a dnsd in hand, a clock that stands still, and one zone.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_PUBLISHER_FIXTURE_H
#define CERTMILL_TESTS_UNIT_ISSUER_PUBLISHER_FIXTURE_H

#include <CUnit/CUnit.h>

#include "issuer/publisher.h"
#include "tests/unit/issuer/fake_dnsd.h"

#define ZONE  "acme.example.com"
#define FIRST 2000000 /* generation, as the store promised it */

struct fixture {
    uv_loop_t loop;
    struct publisher *publisher;
    struct fake_dnsd dnsd;
    struct clock clock;
    int64_t now_us, step_us; /* how far the wall clock was set */
    uint64_t reserved;
    unsigned reservations;
    int reserve_result;
    struct publisher_seen seen;
    char seen_name[LIMIT_NAME_TEXT];
    unsigned seen_count, broken;
};

static char *nameserver = (char *)"ns.example.net";
static struct server_conf_zone plain_zone = {.name = (char *)ZONE, .nameservers = {&nameserver, 1}};

static inline int64_t wall(void *arg)
{
    return ((struct fixture *)arg)->now_us + ((struct fixture *)arg)->step_us;
}

static inline uint64_t mono(void *arg)
{
    return (uint64_t)((struct fixture *)arg)->now_us / 1000;
}

static inline int on_reserve(void *arg, uint64_t limit)
{
    struct fixture *f = arg;

    f->reservations++;
    f->reserved = limit;
    return f->reserve_result;
}

static inline void on_seen(void *arg, const struct publisher_seen *seen)
{
    struct fixture *f = arg;

    f->seen = *seen;
    name_to_text(f->seen_name, seen->name);
    f->seen_count++;
}

static inline void on_broken(void *arg)
{
    ((struct fixture *)arg)->broken++;
}

/* As many turns as it takes until nothing moves. */
static inline void turn(struct fixture *f)
{
    for (int i = 0; i < 10; i++)
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

static inline void set_up_bare(struct fixture *f)
{
    struct publisher_options options = {.loop = &f->loop,
                                        .clock = &f->clock,
                                        .first_generation = FIRST,
                                        .reserve = on_reserve,
                                        .on_seen = on_seen,
                                        .on_broken = on_broken,
                                        .arg = f};

    memset(f, 0, sizeof *f);
    f->dnsd.fd = -1;
    f->now_us = 1000000000000;
    f->clock = (struct clock){wall, mono, f};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    CU_ASSERT_EQUAL_FATAL(publisher_new(&f->publisher, &options), 0);
}

static inline void configure(struct fixture *f)
{
    struct boot boot = fake_boot(&plain_zone, 1);
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(publisher_configure(f->publisher, &boot, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

static inline void set_up(struct fixture *f)
{
    set_up_bare(f);
    configure(f);
    CU_ASSERT_EQUAL(publisher_attach(f->publisher, fake_dnsd_open(&f->dnsd)), 0);
    turn(f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f->dnsd), 1);
}

static inline void tear_down(struct fixture *f)
{
    publisher_free(f->publisher);
    fake_dnsd_close(&f->dnsd);
    turn(f);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
}

static inline void acknowledge(struct fixture *f)
{
    fake_dnsd_ack(&f->dnsd, f->dnsd.generation);
    turn(f);
}

static inline void add_value(struct fixture *f, const char *domain, const char *value,
                             uint64_t order)
{
    struct err err = {0};

    CU_ASSERT_EQUAL(publisher_add(f->publisher, domain, value, order,
                                  (f->now_us + f->step_us) / 1000000 + LIMIT_CHALLENGE_S, &err),
                    0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
}

#endif

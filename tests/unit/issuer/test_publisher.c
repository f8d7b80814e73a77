#include "issuer/publisher.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/publisher_fixture.h"

/* Notes the generation it was called with. */
static void note(void *arg, uint64_t generation)
{
    uint64_t *seen = arg;

    CU_ASSERT_EQUAL(*seen, 0);
    *seen = generation;
}

/* -- publishing -- */

static void test_first_image(void)
{
    struct fixture f;

    set_up(&f);
    CU_ASSERT_EQUAL(f.dnsd.generation, FIRST);
    CU_ASSERT_EQUAL(f.reserved, FIRST + LIMIT_GENERATIONS);
    CU_ASSERT_EQUAL(publisher_generation(f.publisher), 0);
    acknowledge(&f);
    CU_ASSERT_EQUAL(publisher_generation(f.publisher), FIRST);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 0);
    tear_down(&f);
}

/* One turn of the loop is enough: no timer stands between a value and its image. */
static void test_at_once(void)
{
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "www.example.org", "v1", 1);
    add_value(&f, "*.www.example.org", "v2", 1);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 1);
    CU_ASSERT_EQUAL(f.dnsd.generation, FIRST + 1);
    CU_ASSERT_EQUAL(fake_dnsd_txt(&f.dnsd, "www.example.org." ZONE), 2);
    CU_ASSERT_EQUAL(publisher_live(f.publisher), 2);
    tear_down(&f);
}

static void test_coalescing(void)
{
    uint64_t first = 0, second = 0, third = 0;
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "a.example", "v", 1);
    CU_ASSERT(publisher_wait(f.publisher, note, &first) != 0);
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 1);
    add_value(&f, "b.example", "v", 2);
    CU_ASSERT(publisher_wait(f.publisher, note, &second) != 0);
    turn(&f);
    add_value(&f, "c.example", "v", 3);
    CU_ASSERT(publisher_wait(f.publisher, note, &third) != 0);
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 0); /* one under way at a time */
    acknowledge(&f);
    CU_ASSERT_EQUAL(first, FIRST + 1);
    CU_ASSERT_EQUAL(second, 0);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 1); /* both in one */
    CU_ASSERT_EQUAL(fake_dnsd_txt(&f.dnsd, "b.example." ZONE), 1);
    CU_ASSERT_EQUAL(fake_dnsd_txt(&f.dnsd, "c.example." ZONE), 1);
    acknowledge(&f);
    CU_ASSERT_EQUAL(second, FIRST + 2);
    CU_ASSERT_EQUAL(third, FIRST + 2);
    tear_down(&f);
}

static void test_wait_for_nothing_new(void)
{
    uint64_t before = 0, after = 0, gone = 0, wait;
    struct fixture f;

    set_up(&f);
    CU_ASSERT(publisher_wait(f.publisher, note, &before) != 0);
    wait = publisher_wait(f.publisher, note, &gone);
    turn(&f);
    CU_ASSERT_EQUAL(before, 0);
    publisher_cancel(f.publisher, wait);
    publisher_cancel(f.publisher, 4711);
    acknowledge(&f);
    CU_ASSERT_EQUAL(before, FIRST);
    CU_ASSERT(publisher_wait(f.publisher, note, &after) != 0);
    CU_ASSERT_EQUAL(after, 0); /* not from within the call */
    turn(&f);
    CU_ASSERT_EQUAL(after, FIRST);
    CU_ASSERT_EQUAL(gone, 0);
    tear_down(&f);
}

static void test_removing(void)
{
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "a.example", "v", 1);
    add_value(&f, "a.example", "v", 2);
    add_value(&f, "b.example", "v", 2);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    acknowledge(&f);
    CU_ASSERT_EQUAL(publisher_remove(f.publisher, "a.example", "v", 1), 0);
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 0); /* order 2 still holds it */
    publisher_release(f.publisher, 2);
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 1);
    CU_ASSERT_EQUAL(fake_dnsd_txt(&f.dnsd, "a.example." ZONE), 0);
    CU_ASSERT_EQUAL(publisher_live(f.publisher), 0);
    tear_down(&f);
}

static void test_expiry(void)
{
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "a.example", "v", 1);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    acknowledge(&f);
    f.now_us += (int64_t)LIMIT_CHALLENGE_S * 1000000;
    add_value(&f, "b.example", "v", 2); /* any change has the clock looked at */
    for (int i = 0; i < 200 && publisher_live(f.publisher) > 1; i++)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(publisher_live(f.publisher), 1);
    tear_down(&f);
}

/* The wall clock set back or forward by hours: a value lives as long as it was to. */
static void test_expiry_of_steps(void)
{
    const int64_t half_a_day = INT64_C(43200) * 1000000;

    for (int sign = -1; sign <= 1; sign += 2) {
        struct fixture f;

        set_up(&f);
        add_value(&f, "a.example", "v", 1);
        f.step_us = sign * half_a_day;
        add_value(&f, "b.example", "v", 2);
        turn(&f);
        CU_ASSERT_EQUAL(publisher_live(f.publisher), 2);
        f.now_us += (int64_t)LIMIT_CHALLENGE_S * 1000000;
        add_value(&f, "c.example", "v", 3);
        for (int i = 0; i < 200 && publisher_live(f.publisher) > 1; i++)
            (void)uv_run(&f.loop, UV_RUN_ONCE);
        CU_ASSERT_EQUAL(publisher_live(f.publisher), 1);
        tear_down(&f);
    }
}

/* -- a dnsd that dies, refuses, lies -- */

static void test_dnsd_dies(void)
{
    uint64_t done = 0;
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "a.example", "v", 1);
    CU_ASSERT(publisher_wait(f.publisher, note, &done) != 0);
    turn(&f);
    fake_dnsd_close(&f.dnsd);
    turn(&f);
    CU_ASSERT_EQUAL(done, 0);
    CU_ASSERT_EQUAL(f.broken, 0);
    CU_ASSERT_EQUAL(publisher_attach(f.publisher, fake_dnsd_open(&f.dnsd)), 0);
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 1);
    CU_ASSERT_EQUAL(f.dnsd.generation, FIRST + 1); /* the newest, not a new one */
    CU_ASSERT_EQUAL(fake_dnsd_txt(&f.dnsd, "a.example." ZONE), 1);
    acknowledge(&f);
    CU_ASSERT_EQUAL(done, FIRST + 1);
    tear_down(&f);
}

/* What an old dnsd served does not count while the new one has nothing yet. */
static void test_barrier_without_dnsd(void)
{
    uint64_t done = 0;
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    fake_dnsd_close(&f.dnsd);
    turn(&f);
    CU_ASSERT(publisher_wait(f.publisher, note, &done) != 0);
    turn(&f);
    CU_ASSERT_EQUAL(done, 0);
    CU_ASSERT_EQUAL(publisher_attach(f.publisher, fake_dnsd_open(&f.dnsd)), 0);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    acknowledge(&f);
    CU_ASSERT_EQUAL(done, FIRST);
    tear_down(&f);
}

static void test_refused(void)
{
    uint64_t done = 0;
    struct fixture f;
    unsigned images;

    set_up(&f);
    CU_ASSERT(publisher_wait(f.publisher, note, &done) != 0);
    for (images = 1; images < 100; images++) {
        fake_dnsd_refuse(&f.dnsd, f.dnsd.generation);
        for (int i = 0; i < 50 && fake_dnsd_read(&f.dnsd) == 0; i++) {
            (void)usleep(100);
            (void)uv_run(&f.loop, UV_RUN_NOWAIT);
            if (i == 40 && uv_run(&f.loop, UV_RUN_NOWAIT) != 0)
                break;
        }
        if (f.dnsd.images == images)
            break; /* a delay, or the end */
    }
    CU_ASSERT(images < 10);
    CU_ASSERT_EQUAL(done, 0);
    add_value(&f, "a.example", "v", 1); /* the next change tries again */
    for (int i = 0; i < 2000 && f.dnsd.images == images; i++) {
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
        (void)fake_dnsd_read(&f.dnsd);
        (void)usleep(1000);
    }
    CU_ASSERT_EQUAL(f.dnsd.images, images + 1);
    acknowledge(&f);
    CU_ASSERT_EQUAL(done, f.dnsd.generation);
    tear_down(&f);
}

static void test_wrong_acknowledgements(void)
{
    struct fixture f;

    set_up(&f);
    fake_dnsd_ack(&f.dnsd, FIRST - 1);
    fake_dnsd_ack(&f.dnsd, FIRST + 1);
    turn(&f);
    CU_ASSERT_EQUAL(publisher_generation(f.publisher), 0);
    acknowledge(&f);
    acknowledge(&f);
    CU_ASSERT_EQUAL(publisher_generation(f.publisher), FIRST);
    tear_down(&f);
}

static void test_broken_messages(void)
{
    static const uint8_t bad[][16] = {
        {0}, {1, 0, 0, 65}, {1, 0, 0, 65, 0}, {1, 0, 0, 67, 0, 9}, {1, 0, 0, 99}, {2, 0, 0, 65}};
    static const size_t lens[] = {1, 4, 5, 6, 4, 12};

    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct fixture f;
        char c;

        set_up(&f);
        CU_ASSERT_EQUAL(send(f.dnsd.fd, bad[i], lens[i], 0), (ssize_t)lens[i]);
        turn(&f);
        CU_ASSERT_EQUAL(recv(f.dnsd.fd, &c, 1, 0), 0); /* cut off */
        CU_ASSERT_EQUAL(f.broken, 1);
        tear_down(&f);
    }
}

/* -- seen and counters -- */

static void test_seen(void)
{
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    fake_dnsd_seen(&f.dnsd, "a.example." ZONE, 7, FIRST);
    turn(&f);
    CU_ASSERT_EQUAL(f.seen_count, 1);
    CU_ASSERT_STRING_EQUAL(f.seen_name, "a.example." ZONE);
    CU_ASSERT_EQUAL(f.seen.address_len, 4);
    CU_ASSERT_EQUAL(f.seen.qtype, 16);
    CU_ASSERT_TRUE(f.seen.answered);
    CU_ASSERT_EQUAL(f.seen.generation, FIRST);
    tear_down(&f);
}

struct counted {
    unsigned calls;
    size_t count;
    struct publisher_counter last;
};

static void count(void *arg, const struct publisher_counter *counters, size_t n)
{
    struct counted *counted = arg;

    counted->calls++;
    counted->count = n;
    if (n > 0)
        counted->last = counters[n - 1];
}

static void test_stats(void)
{
    struct counted a = {0}, b = {0}, c = {0};
    struct msg_writer w;
    struct fixture f;
    uint8_t buf[128];

    set_up(&f);
    CU_ASSERT_EQUAL(publisher_stats(f.publisher, count, &a), 0);
    CU_ASSERT_EQUAL(publisher_stats(f.publisher, count, &b), 0);
    (void)fake_dnsd_read(&f.dnsd);
    CU_ASSERT_EQUAL(f.dnsd.stats, 1);
    msg_begin(&w, buf, sizeof buf, IPC_STATS);
    msg_put_u16(&w, 2);
    msg_put_str(&w, "queries");
    msg_put_u64(&w, 7);
    msg_put_str(&w, "answers");
    msg_put_u64(&w, 6);
    fake_dnsd_send(&f.dnsd, &w);
    turn(&f);
    CU_ASSERT_EQUAL(a.calls, 1);
    CU_ASSERT_EQUAL(a.count, 2);
    CU_ASSERT_EQUAL(b.calls, 1);
    CU_ASSERT_STRING_EQUAL(b.last.name, "answers");
    CU_ASSERT_EQUAL(b.last.value, 6);
    fake_dnsd_close(&f.dnsd);
    turn(&f);
    CU_ASSERT_EQUAL(publisher_stats(f.publisher, count, &c), 0);
    turn(&f);
    CU_ASSERT_EQUAL(c.calls, 1);
    CU_ASSERT_EQUAL(c.count, 0);
    tear_down(&f);
}

/* -- generations -- */

static void test_reserve(void)
{
    struct fixture f;

    set_up(&f);
    f.reserve_result = -ENOSPC; /* serving goes on */
    for (uint64_t i = 1; i < 1100; i++) {
        add_value(&f, "a.example", i % 2 ? "x" : "y", i);
        publisher_release(f.publisher, i - 1);
        fake_dnsd_ack(&f.dnsd, f.dnsd.generation);
        for (int j = 0; j < 3; j++)
            (void)uv_run(&f.loop, UV_RUN_NOWAIT);
        (void)fake_dnsd_read(&f.dnsd);
        if (f.dnsd.generation > FIRST + 800)
            f.reserve_result = 0;
        CU_ASSERT(f.reserve_result != 0 || f.dnsd.generation < f.reserved);
    }
    CU_ASSERT(f.dnsd.generation > FIRST + 900);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"first image", test_first_image},
        {"at once", test_at_once},
        {"coalescing", test_coalescing},
        {"waiting for nothing new", test_wait_for_nothing_new},
        {"removing", test_removing},
        {"expiry", test_expiry},
        {"expiry while the clock is set", test_expiry_of_steps},
        {"dnsd dies", test_dnsd_dies},
        {"barrier without dnsd", test_barrier_without_dnsd},
        {"refused", test_refused},
        {"wrong acknowledgements", test_wrong_acknowledgements},
        {"broken messages", test_broken_messages},
        {"seen", test_seen},
        {"stats", test_stats},
        {"reserve", test_reserve},
    };
    return RUN("publisher", tests);
}

/*
 * What the log says of rate limits: their beginning with an example, their end with counts, no
 * more.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dnsd/rate_watch.h"
#include "tests/unit/common/run.h"

#define RATES 2

struct fixture {
    uv_loop_t loop;
    struct log *log;
    struct rate *rates[RATES];
    struct rate_watch *watch;
    int fd;
    uint64_t now;
};

static void nothing(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

/* uv_backend_timeout is 0 until the loop has once been round. */
static void turn_once(uv_loop_t *loop)
{
    uv_timer_t timer;

    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, nothing, 0, 0);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void set_up(struct fixture *f)
{
    const struct log_options log = {.program = "dnsd", .fd = memfd_create("log", MFD_CLOEXEC)};
    const struct rate_watch_options options = {
        .loop = &f->loop, .rates = f->rates, .count = RATES, .pause_ms = 1};
    struct rate_watch_options with_log = options;
    struct err err;

    f->fd = log.fd;
    f->now = 1000;
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    turn_once(&f->loop);
    CU_ASSERT_EQUAL_FATAL(log_new(&f->log, &log, &err), 0);
    for (int i = 0; i < RATES; i++) {
        CU_ASSERT_EQUAL_FATAL(rate_new(&f->rates[i], (const uint8_t *)"0123456789abcdef"), 0);
    }
    with_log.log = f->log;
    CU_ASSERT_EQUAL_FATAL(rate_watch_new(&f->watch, &with_log), 0);
}

static void tear_down(struct fixture *f)
{
    rate_watch_close(f->watch);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    rate_watch_free(f->watch);
    for (int i = 0; i < RATES; i++) {
        rate_free(f->rates[i]);
    }
    log_free(f->log);
    close(f->fd);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
}

/* n answers more than the limit lets pass, as a worker would have them judged. */
static void exceed(struct fixture *f, int worker, enum rate_class class, unsigned n)
{
    static const uint8_t address[4] = {192, 0, 2, 77};
    const struct rate_options options = {.per_second = {1, 1, 1}, .ipv4_bits = 24, .ipv6_bits = 56};

    f->now += UINT64_C(1000) * LIMIT_RATE_BURST; /* all credit is back */
    for (unsigned i = 0; i < LIMIT_RATE_BURST + n; i++) {
        rate_judge(f->rates[worker], &options,
                   &(struct rate_answer){
                       .class = class, .address = address, .address_len = 4, .now = f->now});
    }
    if (rate_alarm(f->rates[worker])) {
        rate_watch_notify(f->watch);
    }
}

static unsigned lines(const struct fixture *f, char *text, size_t cap)
{
    ssize_t len = pread(f->fd, text, cap - 1, 0);
    unsigned count = 0;

    text[len > 0 ? len : 0] = '\0';
    for (const char *c = text; *c != '\0'; c++) {
        count += *c == '\n';
    }
    return count;
}

/* The timer comes once. */
static void tick(struct fixture *f)
{
    do {
        uv_update_time(&f->loop);
    } while (uv_backend_timeout(&f->loop) > 0);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void test_begin_and_end(void)
{
    char text[4096];
    struct fixture f;

    set_up(&f);
    CU_ASSERT_FALSE(uv_loop_alive(&f.loop)); /* no timer while all is quiet */
    exceed(&f, 0, RATE_ANSWER, 0);
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 0);
    for (int i = 0; i < 100; i++) {
        exceed(&f, i % RATES, i % 2 == 0 ? RATE_NXDOMAIN : RATE_ERROR, 10);
    }
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "WARNING"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "NXDOMAIN to 192.0.2.0/24"));
    tick(&f); /* something was limited meanwhile: not over */
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 1);
    tick(&f);
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "it was 0 answers, 500 NXDOMAIN, 500 errors"));
    exceed(&f, 0, RATE_ANSWER, 10); /* so soon that it is told the next time */
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 2);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 2);
    exceed(&f, 1, RATE_ERROR, 10);
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "errors to 192.0.2.0/24"));
    uv_run(&f.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(lines(&f, text, sizeof(text)), 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "it was 10 answers, 0 NXDOMAIN, 10 errors"));
    CU_ASSERT_FALSE(uv_loop_alive(&f.loop));
    tear_down(&f);
}

/* The end in the middle of it. */
static void test_close(void)
{
    struct fixture f;

    set_up(&f);
    exceed(&f, 0, RATE_ANSWER, 1);
    CU_ASSERT_TRUE(uv_loop_alive(&f.loop));
    tear_down(&f);
    rate_watch_close(NULL);
    rate_watch_free(NULL);
}

int main(void)
{
    static const struct run_case cases[] = {{"begin and end", test_begin_and_end},
                                            {"close", test_close}};

    return RUN("rate_watch", cases);
}

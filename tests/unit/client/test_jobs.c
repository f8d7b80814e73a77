/* Work by several threads, its end from outside, and the random delay before it. */
#include "client/jobs.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "client/delay.h"
#include "client/interrupt.h"
#include "common/limits.h"

#define COUNT 500

struct tally {
    atomic_int calls[COUNT];
    atomic_int running, most;
    pthread_barrier_t *meet; /* all threads are here at once */
    int stop_after, stop;    /* the call that ends it: writes to stop */
};

static void work(void *arg, size_t i)
{
    struct tally *tally = arg;
    int running = atomic_fetch_add(&tally->running, 1) + 1, most = atomic_load(&tally->most);
    while (running > most && !atomic_compare_exchange_weak(&tally->most, &most, running)) {
    }
    if (tally->meet != NULL) {
        pthread_barrier_wait(tally->meet);
    }
    atomic_fetch_add(&tally->calls[i], 1);
    if (tally->stop > 0 && (int)i == tally->stop_after) {
        CU_ASSERT_EQUAL(write(tally->stop, "x", 1), 1);
    }
    atomic_fetch_sub(&tally->running, 1);
}

static int calls(struct tally *tally, size_t count)
{
    int once = 0;
    for (size_t i = 0; i < count; i++) {
        once += atomic_load(&tally->calls[i]) == 1;
    }
    return once;
}

static void test_each_once(void)
{
    for (size_t threads = 0; threads < 6; threads++) {
        struct tally tally = {0};
        CU_ASSERT_EQUAL(jobs_run(threads, 0, COUNT, work, &tally), COUNT);
        CU_ASSERT_EQUAL(calls(&tally, COUNT), COUNT);
        CU_ASSERT_TRUE(atomic_load(&tally.most) <= (threads == 0 ? 1 : (int)threads));
    }
    struct tally tally = {0};
    CU_ASSERT_EQUAL(jobs_run(4, 0, 0, work, &tally), 0);
    CU_ASSERT_EQUAL(jobs_run(SIZE_MAX, 0, 3, work, &tally), 3);
}

/* Does not end unless four run at once. */
static void test_at_once(void)
{
    pthread_barrier_t meet;
    struct tally tally = {.meet = &meet};
    pthread_barrier_init(&meet, NULL, 4);
    CU_ASSERT_EQUAL(jobs_run(4, 0, 16, work, &tally), 16);
    CU_ASSERT_EQUAL(atomic_load(&tally.most), 4);
    pthread_barrier_destroy(&meet);
}

static void test_stop(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    struct tally tally = {.stop = ends[1], .stop_after = 7};
    CU_ASSERT_EQUAL(jobs_run(1, ends[0], COUNT, work, &tally), 8);
    CU_ASSERT_EQUAL(calls(&tally, 8), 8);
    CU_ASSERT_EQUAL(calls(&tally, COUNT), 8);
    CU_ASSERT_EQUAL(jobs_run(4, ends[0], COUNT, work, &tally), 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_interrupt(void)
{
    struct interrupt interrupt;
    struct err err;
    CU_ASSERT_EQUAL_FATAL(interrupt_begin(&interrupt, &err), 0);
    CU_ASSERT_FALSE(interrupt_wait(interrupt.fd, 0));
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    CU_ASSERT_TRUE(interrupt_wait(interrupt.fd, 60000));
    CU_ASSERT_TRUE(interrupt_wait(interrupt.fd, 0)); /* for whoever asks */
    CU_ASSERT_TRUE(interrupt_end(&interrupt));       /* and we live on */
    CU_ASSERT_EQUAL_FATAL(interrupt_begin(&interrupt, &err), 0);
    CU_ASSERT_FALSE(interrupt_end(&interrupt));
    CU_ASSERT_FALSE(interrupt_wait(0, 0));
}

static void test_delay(void)
{
    CU_ASSERT_EQUAL(delay_draw_ms(60, 0), 0);
    CU_ASSERT_EQUAL(delay_draw_ms(60, UINT32_C(1) << 31), 30 * 60000L);
    CU_ASSERT_EQUAL(delay_draw_ms(60, UINT32_MAX), 60 * 60000L - 1);
    CU_ASSERT_EQUAL(delay_draw_ms(1440, UINT32_MAX), 1440 * 60000L - 1);
    CU_ASSERT_EQUAL(delay_draw_ms(0, UINT32_MAX), 0);
    CU_ASSERT_EQUAL(delay_draw_ms(-1, UINT32_MAX), 0);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("jobs", NULL, NULL);
    CU_add_test(suite, "each once", test_each_once);
    CU_add_test(suite, "at once", test_at_once);
    CU_add_test(suite, "stop", test_stop);
    CU_add_test(suite, "interrupt", test_interrupt);
    CU_add_test(suite, "delay", test_delay);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

#include <pthread.h>
#include <stdatomic.h>

#include "dnsd/wake.h"
#include "tests/unit/common/run.h"

#define SENDERS 4
#define EACH    20000

struct fixture {
    uv_loop_t loop;
    struct wake wake;
    atomic_ulong stored;
    unsigned long seen, calls;
};

static void on_wake(void *arg)
{
    struct fixture *f = arg;

    f->calls++;
    f->seen = atomic_load(&f->stored);
}

static void start(struct fixture *f)
{
    *f = (struct fixture){0};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&f->loop), 0);
    CU_ASSERT_EQUAL_FATAL(wake_init(&f->wake, &f->loop, on_wake, f), 0);
}

static void stop(struct fixture *f)
{
    wake_close(&f->wake);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
}

static void test_once(void)
{
    struct fixture f;

    start(&f);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    CU_ASSERT_EQUAL(f.calls, 0);
    atomic_store(&f.stored, 1);
    wake_send(&f.wake);
    wake_send(&f.wake);
    wake_send(&f.wake);
    uv_run(&f.loop, UV_RUN_ONCE);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    CU_ASSERT_TRUE(f.calls == 1 && f.seen == 1);
    stop(&f);
}

static void *sender(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < EACH; i++) {
        atomic_fetch_add(&f->stored, 1);
        wake_send(&f->wake);
    }
    return NULL;
}

/* What was stored before a wake_send is always seen: else the loop would never end. */
static void test_none_lost(void)
{
    struct fixture f;
    pthread_t threads[SENDERS];

    start(&f);
    for (int i = 0; i < SENDERS; i++) {
        pthread_create(&threads[i], NULL, sender, &f);
    }
    while (f.seen < (unsigned long)SENDERS * EACH) {
        uv_run(&f.loop, UV_RUN_ONCE);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT_TRUE(f.calls >= 1);
    stop(&f);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"several wakes at once are one", test_once},
        {"none is lost between threads", test_none_lost},
    };

    return RUN("wake", cases);
}

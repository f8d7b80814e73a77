#include "client/jobs.h"

#include <pthread.h>
#include <stdatomic.h>

#include "client/interrupt.h"
#include "common/limits.h"

struct jobs {
    int stop;
    size_t count;
    atomic_size_t next, begun;
    void (*work)(void *arg, size_t i);
    void *arg;
};

static void *run(void *arg)
{
    struct jobs *jobs = arg;
    for (;;) {
        size_t i = atomic_fetch_add(&jobs->next, 1);
        if (i >= jobs->count || (jobs->stop > 0 && interrupt_wait(jobs->stop, 0))) {
            return NULL;
        }
        atomic_fetch_add(&jobs->begun, 1);
        jobs->work(jobs->arg, i);
    }
}

size_t jobs_run(size_t threads, int stop, size_t count, void (*work)(void *arg, size_t i),
                void *arg)
{
    struct jobs jobs = {.stop = stop, .count = count, .work = work, .arg = arg};
    pthread_t others[LIMIT_JOBS];
    size_t started = 0;
    while (started < LIMIT_JOBS && started + 1 < threads && started + 1 < count &&
           pthread_create(&others[started], NULL, run, &jobs) == 0) {
        started++;
    }
    run(&jobs);
    for (size_t i = 0; i < started; i++) {
        pthread_join(others[i], NULL);
    }
    return atomic_load(&jobs.begun);
}

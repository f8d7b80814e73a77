/*
 * What the scheduler knows of each thread of another process
 * (/proc/PID/task/TID/schedstat): nanoseconds on a core, and ready but waiting for one.
 */
#ifndef CERTMILL_BENCH_SCHEDSTAT_H
#define CERTMILL_BENCH_SCHEDSTAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SCHEDSTAT_THREADS 16

struct schedstat_thread {
    pid_t tid;
    uint64_t ran, waited; /* ns */
};

struct schedstat {
    size_t count; /* the process's main thread first */
    struct schedstat_thread threads[SCHEDSTAT_THREADS];
};

void schedstat_read(struct schedstat *s, pid_t pid);

#endif

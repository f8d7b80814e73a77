/*
 * What a process holds, again and again, and whether that grows.
 */
#ifndef CERTMILL_BENCH_SOAK_WATCH_H
#define CERTMILL_BENCH_SOAK_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SOAK_WATCH_SAMPLES 64

struct soak_watch_sample {
    uint64_t at;
    long resident, proportional; /* KiB; proportional -1 where it may not be read */
    long files, mappings;        /* likewise */
};

struct soak_watch {
    pid_t pid;
    struct soak_watch_sample samples[SOAK_WATCH_SAMPLES];
    size_t count;
};

/* at: how far the work is. Beyond SOAK_WATCH_SAMPLES nothing is kept. */
void soak_watch_sample(struct soak_watch *watch, uint64_t at);
/* Prints some of the samples. True where the second half holds no more than the first did. */
bool soak_watch_flat(const struct soak_watch *watch);

#endif

#include "common/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t system_wall_us(void *arg)
{
    struct timespec ts = {0};

    (void)arg;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static uint64_t system_mono_ms(void *arg)
{
    struct timespec ts = {0};

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const struct clock clock_system = {
    .wall_us = system_wall_us,
    .mono_ms = system_mono_ms,
    .arg = NULL,
};

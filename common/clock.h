/*
 * Time comes in from outside, so that tests can drive it.
 */
#ifndef CERTMILL_COMMON_CLOCK_H
#define CERTMILL_COMMON_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_us)(void *arg);  /* microseconds since 1970, may jump */
    uint64_t (*mono_ms)(void *arg); /* milliseconds, never goes back */
    void *arg;
};

/* The system's clocks. */
extern const struct clock clock_system;

static inline int64_t clock_wall_us(const struct clock *c)
{
    return c->wall_us(c->arg);
}

static inline int64_t clock_wall_s(const struct clock *c)
{
    return c->wall_us(c->arg) / 1000000;
}

static inline uint64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_ms(c->arg);
}

#endif

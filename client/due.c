#include "client/due.h"

#define DAY 86400

/* A number that is uniform over certificates. */
static uint64_t draw(const uint8_t digest[static 32])
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | digest[i];
    }
    return value;
}

struct state_due due_when(const struct due_wish *wish)
{
    int64_t end = wish->end < wish->not_after ? wish->end : wish->not_after;
    if (wish->threshold_days > 0) {
        return (struct state_due){DUE_BY_DAYS, wish->not_after - wish->threshold_days * DAY};
    }
    if (wish->window && wish->start < end) {
        uint64_t length = (uint64_t)end - (uint64_t)wish->start;
        return (struct state_due){DUE_BY_CA, wish->start + (int64_t)(draw(wish->digest) % length)};
    }
    return (struct state_due){DUE_BY_THIRD,
                              wish->not_after - (wish->not_after - wish->not_before) / 3};
}

const char *due_by_name(enum due_by by)
{
    static const char *const names[] = {
        [DUE_BY_CA] = "ca", [DUE_BY_THIRD] = "third", [DUE_BY_DAYS] = "days"};
    return names[by];
}

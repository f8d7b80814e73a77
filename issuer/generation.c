#include "issuer/generation.h"

#include "common/limits.h"

/* How far the clock may move us: half of what RFC 1982 3.2 permits, in years 34, so that the
 * numbers that were promised but not used, and a secondary that was away, do not matter. */
#define MOVE_MAX (UINT64_C(1) << 30)

void generation_init(struct generation *generation, uint64_t promised, int64_t now,
                     generation_promise_fn *promise, void *arg)
{
    uint64_t first = promised > 0 ? promised : 1, time = now > 0 ? (uint64_t)now : 0;

    if (time > first && (first == 1 || time - first <= MOVE_MAX)) {
        first = time;
    }
    *generation =
        (struct generation){.next = first, .promised = first, .promise = promise, .arg = arg};
}

static void promise_more(struct generation *generation)
{
    uint64_t limit = generation->next + LIMIT_GENERATIONS;

    /* early, so that a full disk is noticed before it matters */
    if (generation->next + LIMIT_GENERATIONS / 2 < generation->promised) {
        return;
    }
    /* where it fails, serving goes on: a number used twice after a restart harms less */
    if (generation->promise(generation->arg, limit) == 0) {
        generation->promised = limit;
    }
}

uint64_t generation_take(struct generation *generation)
{
    if (generation_serial(generation->next) == 0) {
        generation->next++;
    }
    promise_more(generation);
    return generation->next++;
}

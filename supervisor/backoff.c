#include "supervisor/backoff.h"

#define QUICK_MS   500   /* a child that dies sooner counts against itself */
#define SETTLED_MS 30000 /* one that lives longer has all forgiven */
#define FIRST_MS   50
#define MOST_MS    10000

uint64_t backoff_died(struct backoff *b, uint64_t lived_ms)
{
    if (lived_ms >= SETTLED_MS) {
        b->quick = 0;
    }
    if (lived_ms >= QUICK_MS) {
        return 0;
    }
    uint32_t quick = b->quick;
    if (b->quick < UINT32_MAX) {
        b->quick++;
    }
    if (quick == 0) {
        return 0;
    }
    uint64_t delay = FIRST_MS;
    for (uint32_t i = 1; i < quick && delay < MOST_MS; i++) {
        delay *= 2;
    }
    return delay < MOST_MS ? delay : MOST_MS;
}

#include "issuer/order.h"

/* One slow day of a CA must not make all its next orders wait: no measurement counts for more. */
#define MOST_MS 10000

static void learn(uint32_t *estimate, uint32_t measured)
{
    if (measured == 0) {
        return;
    }
    if (measured > MOST_MS) {
        measured = MOST_MS;
    }
    *estimate = *estimate == 0 ? measured : (3 * *estimate + measured + 2) / 4;
}

void order_estimate_learn(struct order_estimate *estimate, const struct order_estimate *measured)
{
    learn(&estimate->validate_ms, measured->validate_ms);
    learn(&estimate->verdict_ms, measured->verdict_ms);
    learn(&estimate->issue_ms, measured->issue_ms);
}

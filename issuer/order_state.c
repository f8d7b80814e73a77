#include "issuer/order.h"

#include <string.h>

static const char *const names[ORDER_STATES] = {
    [ORDER_NEW] = "new",
    [ORDER_ORDERING] = "ordering",
    [ORDER_AUTHORIZING] = "authorizing",
    [ORDER_PUBLISHING] = "publishing",
    [ORDER_VALIDATING] = "validating",
    [ORDER_FINALIZING] = "finalizing",
    [ORDER_DOWNLOADING] = "downloading",
    [ORDER_ISSUED] = "issued",
    [ORDER_FAILED] = "failed",
};

const char *order_state_name(enum order_state state)
{
    return (unsigned)state < ORDER_STATES ? names[state] : "?";
}

int order_state_parse(const char *name, enum order_state *state)
{
    for (unsigned i = 0; i < ORDER_STATES; i++) {
        if (strcmp(names[i], name) == 0) {
            *state = (enum order_state)i;
            return 0;
        }
    }
    return ERR_UNKNOWN;
}

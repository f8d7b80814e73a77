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

static const char *const challenges[ORDER_CHALLENGES] = {
    [ORDER_DNS_01] = "dns-01",
    [ORDER_DNS_ACCOUNT_01] = "dns-account-01",
    [ORDER_DNS_PERSIST_01] = "dns-persist-01",
};

const char *order_challenge_name(enum order_challenge challenge)
{
    return (unsigned)challenge < ORDER_CHALLENGES ? challenges[challenge] : "?";
}

int order_challenge_parse(const char *name, enum order_challenge *challenge)
{
    for (unsigned i = 0; i < ORDER_CHALLENGES; i++) {
        if (strcmp(challenges[i], name) == 0) {
            *challenge = (enum order_challenge)i;
            return 0;
        }
    }
    return ERR_UNKNOWN;
}

/*
 * What others may know of an order besides its actions.
 */
#include "issuer/order_priv.h"

char *const *order_names(const struct order *order, size_t *count)
{
    *count = order->name_count;
    return order->names;
}

bool order_replaces(const struct order *order)
{
    return order->replaces != NULL;
}

const char *order_profile(const struct order *order)
{
    return order->profile;
}

const char *order_failed_name(const struct order *order, size_t *at, const char **why)
{
    size_t found = 0;

    for (size_t i = 0; i < order->authz_count; i++) {
        const struct order_authz *authz = &order->authz[i];

        if (authz->status == AUTHZ_INVALID && authz->domain != NULL && found++ == *at) {
            ++*at;
            *why = authz->problem;
            return authz->domain;
        }
    }
    return NULL;
}

bool order_failed_before(const struct order *order, size_t index)
{
    return index < order->name_count && index < LIMIT_NAMES && order->failed_before[index];
}

#include "dnsd/rate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rate {
    uint8_t hash_key[16];
};

int rate_new(struct rate **out, const uint8_t hash_key[static 16])
{
    struct rate *rate = calloc(1, sizeof(*rate));

    if (rate == NULL) {
        return -ENOMEM;
    }
    memcpy(rate->hash_key, hash_key, sizeof(rate->hash_key));
    *out = rate;
    return 0;
}

void rate_free(struct rate *rate)
{
    free(rate);
}

#include "issuer/nonce.h"

#include <stdlib.h>
#include <string.h>

#include "issuer/http_header.h"

void nonce_pool_put(struct nonce_pool *pool, const char *nonce)
{
    if (!http_nonce_good(nonce, strlen(nonce))) {
        return;
    }
    char *copy = strdup(nonce);
    if (copy == NULL) {
        return;
    }
    if (pool->count == LIMIT_NONCE_POOL) {
        free(pool->items[pool->first]);
        pool->first = (pool->first + 1) % LIMIT_NONCE_POOL;
        pool->count--;
    }
    pool->items[(pool->first + pool->count++) % LIMIT_NONCE_POOL] = copy;
}

char *nonce_pool_take(struct nonce_pool *pool)
{
    if (pool->count == 0) {
        return NULL;
    }
    return pool->items[(pool->first + --pool->count) % LIMIT_NONCE_POOL];
}

void nonce_pool_clear(struct nonce_pool *pool)
{
    char *nonce;

    while ((nonce = nonce_pool_take(pool)) != NULL) {
        free(nonce);
    }
}

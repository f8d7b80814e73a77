/*
 * Nonces of one CA, each good for one request (RFC 8555 6.5). The newest goes first: the
 * oldest are those that a CA forgets.
 */
#ifndef CERTMILL_ISSUER_NONCE_H
#define CERTMILL_ISSUER_NONCE_H

#include <stddef.h>

#include "common/limits.h"

struct nonce_pool {
    char *items[LIMIT_NONCE_POOL]; /* a ring; the newest is at (first + count - 1) */
    size_t first, count;
};

/* Keeps a copy; a nonce that is not one is ignored, the oldest makes room. Zeroed is empty. */
void nonce_pool_put(struct nonce_pool *pool, const char *nonce);
/* The caller's to free, or NULL where none is left. */
char *nonce_pool_take(struct nonce_pool *pool);
void nonce_pool_clear(struct nonce_pool *pool);

#endif

/*
 * OCSP responses by certificate, in bounded memory.
 */
#ifndef CERTMILL_ISSUER_OCSP_CACHE_H
#define CERTMILL_ISSUER_OCSP_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct ocsp_cache;

struct ocsp_cached {
    const uint8_t *der;
    size_t len;
    int64_t this_update, next_update; /* Unix seconds */
};

/* At most so many octets, with what keeping them takes. */
struct ocsp_cache *ocsp_cache_new(size_t octets);
void ocsp_cache_free(struct ocsp_cache *cache);

/* Copies der; what was there for the certificate goes, and what was unused for longest where there
 * is no room. Out of memory, or where it is larger than the whole: it is not kept. */
void ocsp_cache_put(struct ocsp_cache *cache, uint64_t certificate,
                    const struct ocsp_cached *response);
/* NULL: there is none. Good until the next put. */
const struct ocsp_cached *ocsp_cache_get(struct ocsp_cache *cache, uint64_t certificate);

#endif

#include "issuer/ocsp_cache.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct entry {
    struct entry *next;          /* of the bucket */
    struct entry *newer, *older; /* by use */
    uint64_t certificate;
    struct ocsp_cached response;
    uint8_t der[];
};

struct ocsp_cache {
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t used, octets;
};

struct ocsp_cache *ocsp_cache_new(size_t octets)
{
    struct ocsp_cache *cache = calloc(1, sizeof *cache);

    if (cache != NULL) {
        cache->octets = octets;
    }
    return cache;
}

static struct entry **bucket(struct ocsp_cache *cache, uint64_t certificate)
{
    return &cache->buckets[certificate % BUCKETS]; /* row numbers: nobody chooses them */
}

static void unlink_use(struct ocsp_cache *cache, struct entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct ocsp_cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

/* entry is in no order of use any more. */
static void release(struct ocsp_cache *cache, struct entry *entry)
{
    struct entry **at = bucket(cache, entry->certificate);

    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    cache->used -= sizeof *entry + entry->response.len;
    free(entry);
}

static void drop_oldest(struct ocsp_cache *cache)
{
    struct entry *entry = cache->oldest;

    cache->oldest = entry->newer;
    *(cache->oldest != NULL ? &cache->oldest->older : &cache->newest) = NULL;
    release(cache, entry);
}

void ocsp_cache_free(struct ocsp_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    while (cache->oldest != NULL) {
        drop_oldest(cache);
    }
    free(cache);
}

static struct entry *find(struct ocsp_cache *cache, uint64_t certificate)
{
    struct entry *entry = *bucket(cache, certificate);

    while (entry != NULL && entry->certificate != certificate) {
        entry = entry->next;
    }
    return entry;
}

void ocsp_cache_put(struct ocsp_cache *cache, uint64_t certificate,
                    const struct ocsp_cached *response)
{
    struct entry *entry = find(cache, certificate);
    size_t size = sizeof *entry + response->len;

    if (entry != NULL) {
        unlink_use(cache, entry);
        release(cache, entry);
    }
    if (size > cache->octets || (entry = malloc(size)) == NULL) {
        return;
    }
    while (cache->used > cache->octets - size) {
        drop_oldest(cache);
    }
    struct entry **at = bucket(cache, certificate);
    *entry = (struct entry){.next = *at, .certificate = certificate, .response = *response};
    memcpy(entry->der, response->der, response->len);
    entry->response.der = entry->der;
    *at = entry;
    cache->used += size;
    link_newest(cache, entry);
}

const struct ocsp_cached *ocsp_cache_get(struct ocsp_cache *cache, uint64_t certificate)
{
    struct entry *entry = find(cache, certificate);

    if (entry == NULL) {
        return NULL;
    }
    unlink_use(cache, entry);
    link_newest(cache, entry);
    return &entry->response;
}

#include "dnsd/quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "zones/siphash.h"

/* An IPv6 host has a /64 at least (RFC 4291 2.5.1), so that is what counts as one. */
#define QUOTA_V6_OCTETS 8

struct quota_entry {
    uint8_t address[16]; /* IPv4: mapped (RFC 4291 2.5.5.2); IPv6: the /64 */
    uint32_t count;      /* 0: free */
};

/* Open addressing with linear probing, at most half full. */
struct quota {
    uv_mutex_t lock;
    uint8_t hash_key[SIPHASH_KEY];
    size_t total; /* sum of the counts */
    size_t slots;
    struct quota_entry entries[];
};

static void entry_key(uint8_t key[static 16], const uint8_t *address, size_t address_len)
{
    memset(key, 0, 16);
    if (address_len == 4) {
        key[10] = key[11] = 0xFF;
        memcpy(key + 12, address, 4);
    } else {
        memcpy(key, address, QUOTA_V6_OCTETS);
    }
}

static size_t home(const struct quota *quota, const uint8_t key[static 16])
{
    return (size_t)(siphash(1, 3, quota->hash_key, key, 16) % quota->slots);
}

/* The slot of key, or the free one where it belongs. */
static size_t find(const struct quota *quota, const uint8_t key[static 16])
{
    size_t i = home(quota, key);

    while (quota->entries[i].count > 0 && memcmp(quota->entries[i].address, key, 16) != 0) {
        i = (i + 1) % quota->slots;
    }
    return i;
}

/* Takes a slot out and moves up those behind it that would not be found any more. */
static void erase(struct quota *quota, size_t hole)
{
    size_t slots = quota->slots;

    quota->entries[hole].count = 0;
    for (size_t i = (hole + 1) % slots; quota->entries[i].count > 0; i = (i + 1) % slots) {
        size_t from = home(quota, quota->entries[i].address);

        if ((i + slots - from) % slots >= (i + slots - hole) % slots) {
            quota->entries[hole] = quota->entries[i];
            quota->entries[i].count = 0;
            hole = i;
        }
    }
}

int quota_new(struct quota **out, size_t capacity, const uint8_t hash_key[static 16])
{
    size_t slots = 2 * capacity + 1;
    struct quota *quota = calloc(1, sizeof(*quota) + slots * sizeof(quota->entries[0]));
    int ret;

    if (quota == NULL) {
        return -ENOMEM;
    }
    if ((ret = uv_mutex_init(&quota->lock)) < 0) {
        free(quota);
        return ret;
    }
    memcpy(quota->hash_key, hash_key, sizeof(quota->hash_key));
    quota->slots = slots;
    *out = quota;
    return 0;
}

void quota_free(struct quota *quota)
{
    if (quota != NULL) {
        uv_mutex_destroy(&quota->lock);
        free(quota);
    }
}

bool quota_take(struct quota *quota, const uint8_t *address, size_t address_len, size_t limit)
{
    uint8_t key[16];
    bool ok;

    entry_key(key, address, address_len);
    uv_mutex_lock(&quota->lock);
    struct quota_entry *entry = &quota->entries[find(quota, key)];
    ok = entry->count < limit;
    if (ok) {
        memcpy(entry->address, key, sizeof(key));
        entry->count++;
        quota->total++;
    }
    uv_mutex_unlock(&quota->lock);
    return ok;
}

bool quota_shrink(struct quota *quota, const uint8_t *address, size_t address_len, size_t limit)
{
    uint8_t key[16];
    bool over;

    entry_key(key, address, address_len);
    uv_mutex_lock(&quota->lock);
    size_t i = find(quota, key);
    over = quota->entries[i].count > limit;
    if (over) {
        quota->total--;
        if (--quota->entries[i].count == 0) {
            erase(quota, i);
        }
    }
    uv_mutex_unlock(&quota->lock);
    return over;
}

void quota_return(struct quota *quota, const uint8_t *address, size_t address_len)
{
    quota_shrink(quota, address, address_len, 0);
}

bool quota_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    uint8_t keys[2][16];

    entry_key(keys[0], a, a_len);
    entry_key(keys[1], b, b_len);
    return memcmp(keys[0], keys[1], sizeof(keys[0])) == 0;
}

size_t quota_total(struct quota *quota)
{
    size_t total;

    uv_mutex_lock(&quota->lock);
    total = quota->total;
    uv_mutex_unlock(&quota->lock);
    return total;
}

/*
 * A bucket for each (block of addresses, class): credit that an answer uses up and time gives
 * back. The buckets stand in a table of fixed size under a keyed hash. A set of four is one cache
 * line, which is all the memory an answer touches; in a full set the bucket used longest ago makes
 * room. Who floods with forged addresses so pushes out buckets that have been idle, which would
 * have been full again anyway; to push out one in use takes the arithmetic of LIMIT_RATE_SETS.
 *
 * A bucket knows its block by 31 bits of the hash. Two blocks that share a bucket share its
 * credit: that takes the same set and the same 31 bits, which nobody can find without the key.
 *
 * Time is 32 bits of milliseconds. A bucket that was last used 49 days ago may seem to have been
 * used just now: it then has what was left in it, and a second later all.
 *
 * The example goes to the main thread by one word, armed: whoever finds it in his state owns the
 * example and hands it over by changing the word.
 */
#include "dnsd/rate.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/siphash.h"

#define RATE_WAYS 4
#define RATE_ANSWER_COST                                                                           \
    1000u /* so that a millisecond gives back as much as the rate a second is */
#define RATE_CACHE_LINE 64

/* Kinds of bucket: the classes, and REFUSED by itself. */
#define RATE_KIND_REFUSED RATE_CLASSES

struct rate_bucket {
    uint32_t tag;    /* 0: free */
    uint32_t used;   /* when, ms */
    uint32_t credit; /* in RATE_ANSWER_COST of an answer */
    uint32_t over;   /* answers over the rate since the last one that slipped */
};

struct rate_set {
    struct rate_bucket ways[RATE_WAYS];
};

_Static_assert(sizeof(struct rate_set) == RATE_CACHE_LINE, "a set is a cache line");
_Static_assert((LIMIT_RATE_SETS & (LIMIT_RATE_SETS - 1)) == 0, "a mask picks the set");

struct rate {
    void *memory; /* zeroed by the kernel when first touched */
    struct rate_set *sets;
    uint8_t hash_key[SIPHASH_KEY];
    _Atomic uint64_t limited[RATE_CLASSES];
    struct rate_example example;
    atomic_bool armed; /* the worker's to fill; else the main thread's to read */
    bool alarm;
};

/* A block and the kind of bucket, as they are hashed. */
struct block {
    uint8_t data[16 + 1];
    uint8_t len; /* of the address */
    uint8_t bits;
};

int rate_new(struct rate **out, const uint8_t hash_key[static 16])
{
    struct rate *rate = calloc(1, sizeof(*rate));

    if (rate == NULL) {
        goto err0;
    }
    rate->memory = calloc(LIMIT_RATE_SETS + 1, sizeof(struct rate_set));
    if (rate->memory == NULL) {
        goto err1;
    }
    rate->sets = (struct rate_set *)(((uintptr_t)rate->memory + RATE_CACHE_LINE - 1) &
                                     ~(uintptr_t)(RATE_CACHE_LINE - 1));
    memcpy(rate->hash_key, hash_key, sizeof(rate->hash_key));
    *out = rate;
    return 0;
err1:
    free(rate);
err0:
    return -ENOMEM;
}

void rate_free(struct rate *rate)
{
    if (rate != NULL) {
        free(rate->memory);
        free(rate);
    }
}

static void address_plain(const uint8_t **address, size_t *len)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};

    if (*len == 16 && memcmp(*address, mapped, sizeof(mapped)) == 0) {
        *address += sizeof(mapped);
        *len = 4;
    }
}

/* The first bits of 8 octets. */
static uint64_t mask(unsigned bits)
{
    return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits);
}

static void block_of(struct block *block, const struct rate_options *options,
                     const uint8_t *address, size_t len)
{
    block->len = (uint8_t)len;
    if (len == 4) {
        block->bits = options->ipv4_bits;
        wire_write_u32(block->data, wire_read_u32(address) & (uint32_t)(mask(block->bits) >> 32));
        return;
    }
    block->bits = options->ipv6_bits;
    for (size_t i = 0; i < 2; i++) {
        unsigned before = 64 * (unsigned)i;
        uint64_t half;

        memcpy(&half, address + 8 * i, sizeof(half));
        half &= htobe64(mask(block->bits > before ? block->bits - before : 0));
        memcpy(block->data + 8 * i, &half, sizeof(half));
    }
}

/* The bucket of a block, or the one that makes room for it. */
static struct rate_bucket *bucket_of(struct rate *rate, struct block *block, unsigned kind,
                                     uint32_t now, uint32_t *tag)
{
    uint64_t hash;
    struct rate_bucket *ways, *oldest;

    block->data[block->len] = (uint8_t)kind;
    hash = siphash(1, 3, rate->hash_key, block->data, block->len + 1u);
    *tag = (uint32_t)(hash >> 32) | 1;
    ways = rate->sets[hash & (LIMIT_RATE_SETS - 1)].ways;
    oldest = ways;
    for (unsigned i = 0; i < RATE_WAYS; i++) {
        if (ways[i].tag == *tag) {
            return &ways[i];
        }
        if (oldest->tag != 0 && (ways[i].tag == 0 || now - ways[i].used > now - oldest->used)) {
            oldest = &ways[i];
        }
    }
    return oldest;
}

/* Takes an answer's credit out of a bucket. NULL, or the bucket where it has not got that much. */
static struct rate_bucket *take(struct rate *rate, struct block *block, unsigned kind,
                                uint32_t per_second, uint64_t now)
{
    uint32_t tag, ms = (uint32_t)now;
    uint64_t most = (uint64_t)RATE_ANSWER_COST *
                    (per_second > LIMIT_RATE_BURST ? per_second : LIMIT_RATE_BURST);
    struct rate_bucket *bucket = bucket_of(rate, block, kind, ms, &tag);
    uint64_t credit = most;

    if (bucket->tag == tag) {
        credit = bucket->credit + (uint64_t)(ms - bucket->used) * per_second;
        credit = credit < most ? credit : most;
    } else {
        bucket->tag = tag;
        bucket->over = 0;
    }
    bucket->used = ms;
    if (credit < RATE_ANSWER_COST) {
        bucket->credit = (uint32_t)credit;
        return bucket;
    }
    bucket->credit = (uint32_t)(credit - RATE_ANSWER_COST);
    return NULL;
}

static bool covers(const struct server_conf_prefix *prefix, const uint8_t *address, size_t len)
{
    /* ::/0 is all of IPv6, not IPv4 by its mapped form */
    unsigned before = len == 4 ? 96 : 0;

    if (prefix->bits < before) {
        return false;
    }
    const uint8_t *allowed = prefix->address + before / 8;
    unsigned bits = prefix->bits - before, octets = bits / 8;
    return memcmp(allowed, address, octets) == 0 &&
           (bits % 8 == 0 || ((allowed[octets] ^ address[octets]) >> (8 - bits % 8)) == 0);
}

static bool is_allowed(const struct rate_options *options, const uint8_t *address, size_t len)
{
    for (unsigned i = 0; i < options->allow_count; i++) {
        if (covers(&options->allow[i], address, len)) {
            return true;
        }
    }
    return false;
}

static enum rate_verdict slip(struct rate_bucket *bucket, unsigned every)
{
    if (every == 0 || ++bucket->over < every) {
        return RATE_DROP;
    }
    bucket->over = 0;
    return RATE_SLIP;
}

static void note(struct rate *rate, enum rate_class class, const struct block *block)
{
    _Atomic uint64_t *limited = &rate->limited[class];

    atomic_store_explicit(limited, atomic_load_explicit(limited, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    if (atomic_load_explicit(&rate->armed, memory_order_acquire)) {
        rate->example =
            (struct rate_example){.class = class, .address_len = block->len, .bits = block->bits};
        memcpy(rate->example.address, block->data, block->len);
        rate->alarm = true;
        atomic_store_explicit(&rate->armed, false, memory_order_release);
    }
}

bool rate_allows(const struct rate_options *options, const uint8_t *address, size_t address_len)
{
    address_plain(&address, &address_len);
    return is_allowed(options, address, address_len);
}

enum rate_verdict rate_judge(struct rate *rate, const struct rate_options *options,
                             const struct rate_answer *answer)
{
    uint32_t per_second = options->per_second[answer->class];
    uint32_t refused = answer->refused ? options->refused_drop : 0;
    const uint8_t *address = answer->address;
    size_t len = answer->address_len;
    enum rate_verdict verdict = RATE_DROP;
    struct rate_bucket *empty;
    struct block block;

    if (per_second == 0 && refused == 0) {
        return RATE_SEND;
    }
    address_plain(&address, &len);
    block_of(&block, options, address, len);
    if (refused == 0 || take(rate, &block, RATE_KIND_REFUSED, refused, answer->now) == NULL) {
        empty = per_second > 0 ? take(rate, &block, answer->class, per_second, answer->now) : NULL;
        if (empty == NULL) {
            return RATE_SEND;
        }
        verdict = slip(empty, options->slip);
    }
    /* last, since few are on the list and most answers are within the rate */
    if (is_allowed(options, address, len)) {
        return RATE_SEND;
    }
    note(rate, answer->class, &block);
    return verdict;
}

void rate_limited(const struct rate *rate, uint64_t limited[static RATE_CLASSES])
{
    for (int i = 0; i < RATE_CLASSES; i++) {
        limited[i] += atomic_load_explicit(&rate->limited[i], memory_order_relaxed);
    }
}

void rate_arm(struct rate *rate)
{
    atomic_store_explicit(&rate->armed, true, memory_order_release);
}

bool rate_alarm(struct rate *rate)
{
    bool alarm = rate->alarm;

    rate->alarm = false;
    return alarm;
}

bool rate_example(const struct rate *rate, struct rate_example *example)
{
    if (atomic_load_explicit(&rate->armed, memory_order_acquire)) {
        return false;
    }
    *example = rate->example;
    return example->address_len > 0;
}

#include "dnsd/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/attribute.h"
#include "zones/siphash.h"

int seen_new(struct seen **out, const uint8_t hash_key[static 16])
{
    struct seen *seen = calloc(1, sizeof(*seen));

    if (seen == NULL) {
        return -ENOMEM;
    }
    memcpy(seen->hash_key, hash_key, sizeof(seen->hash_key));
    seen->mine = &seen->tables[0];
    atomic_init(&seen->returned, &seen->tables[1]);
    *out = seen;
    return 0;
}

void seen_free(struct seen *seen)
{
    free(seen);
}

/* Keyed: else whoever asks for a live name could choose types and addresses that all meet. */
static size_t slot_of(const struct seen *seen, const struct query_info *info,
                      const uint8_t *address, size_t address_len)
{
    uint8_t data[2 + 16 + LIMIT_NAME_WIRE] LEFT_AS_IS;

    memcpy(data, &info->qtype, 2);
    memcpy(data + 2, address, address_len);
    memcpy(data + 2 + address_len, info->name, info->name_len);
    return (size_t)(siphash(1, 3, seen->hash_key, data, 2 + address_len + info->name_len) %
                    SEEN_SLOTS);
}

static bool is_same(const struct seen_entry *a, const struct seen_entry *b)
{
    return a->generation == b->generation && a->qtype == b->qtype && a->tcp == b->tcp &&
           a->rcode == b->rcode && a->answered == b->answered && a->address_len == b->address_len &&
           a->name_len == b->name_len && memcmp(a->address, b->address, a->address_len) == 0 &&
           memcmp(a->name, b->name, a->name_len) == 0;
}

bool seen_note(struct seen *seen, const struct query_info *info, bool tcp, uint64_t generation,
               const uint8_t *address, size_t address_len)
{
    struct seen_table *table = seen->mine;

    if (table->count == LIMIT_SEEN) {
        return false; /* under a flood this is the way out: no hashing, no search */
    }
    struct seen_entry *entry = &table->entries[table->count];
    entry->generation = generation;
    entry->times = 1;
    entry->qtype = info->qtype;
    entry->tcp = tcp;
    entry->rcode = info->rcode;
    entry->answered = info->answered;
    entry->address_len = (uint8_t)address_len;
    entry->name_len = info->name_len;
    memcpy(entry->address, address, address_len);
    memcpy(entry->name, info->name, info->name_len);
    for (size_t i = slot_of(seen, info, address, address_len);; i = (i + 1) % SEEN_SLOTS) {
        if (table->slots[i] == 0) {
            table->slots[i] = (uint16_t)++table->count;
            return true;
        }
        struct seen_entry *other = &table->entries[table->slots[i] - 1];
        if (is_same(other, entry)) {
            other->times += other->times < UINT32_MAX;
            return true;
        }
    }
}

bool seen_offer(struct seen *seen)
{
    struct seen_table *next;

    if (seen->mine->count == 0) {
        return false;
    }
    next = atomic_exchange(&seen->returned, NULL);
    if (next == NULL) {
        atomic_store(&seen->waiting, true);
        next = atomic_exchange(&seen->returned, NULL);
        if (next == NULL) {
            return false;
        }
    }
    atomic_store(&seen->waiting, false);
    atomic_store(&seen->offered, seen->mine);
    seen->mine = next;
    return true;
}

const struct seen_table *seen_peek(const struct seen *seen)
{
    return atomic_load(&seen->offered);
}

bool seen_return(struct seen *seen)
{
    struct seen_table *table = atomic_exchange(&seen->offered, NULL);

    table->count = 0;
    memset(table->slots, 0, sizeof(table->slots));
    atomic_store(&seen->returned, table);
    return atomic_exchange(&seen->waiting, false);
}

void seen_put(struct msg_writer *w, const struct seen_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct seen_entry *entry = &table->entries[i];

        msg_put_bytes(w, entry->name, entry->name_len);
        msg_put_u16(w, entry->qtype);
        msg_put_u8(w, entry->tcp);
        msg_put_u8(w, entry->rcode);
        msg_put_u8(w, entry->answered);
        msg_put_bytes(w, entry->address, entry->address_len);
        msg_put_u32(w, entry->times);
        msg_put_u64(w, entry->generation);
    }
}

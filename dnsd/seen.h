/*
 * Who asked for live challenge names: from the workers to the main thread, and from
 * there to the issuer as IPC_SEEN.
 *
 * Each worker gathers in a table of its own, one entry for each different asker (name, type,
 * address, answer), counting repeats. A worker has two tables. It offers the one it fills, when
 * that is not empty, and goes on with the other as soon as the main thread has given that back;
 * until then it goes on counting in the same one. So nothing is locked, nothing waits, and the more
 * there is to tell the more of it goes into one message. A table that is full loses newcomers and
 * says how many.
 *
 * The pointers offered and returned are the only shared words: whoever exchanges a
 * table out of one owns it (release on store, acquire on exchange). waiting closes the gap in
 * which a worker finds nothing returned just before the main thread returns it: both sides write
 * their own word first and read the other's afterwards, sequentially consistent.
 */
#ifndef CERTMILL_DNSD_SEEN_H
#define CERTMILL_DNSD_SEEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/msg.h"
#include "dnsd/query.h"

#define SEEN_SLOTS ((size_t)2 * LIMIT_SEEN) /* half full at most: few probes */

/* Octets of one entry in IPC_SEEN, at most (common/ipc.h). */
#define SEEN_ENTRY_WIRE (4 + LIMIT_NAME_WIRE + 2 + 1 + 1 + 1 + 4 + 16 + 4 + 8)

struct seen_entry {
    uint64_t generation;
    uint32_t times;
    uint16_t qtype;
    uint8_t tcp, rcode, answered;
    uint8_t address_len, name_len;
    uint8_t address[16];
    uint8_t name[LIMIT_NAME_WIRE];
};

struct seen_table {
    size_t count;
    uint16_t slots[SEEN_SLOTS]; /* 0: free, else 1 + index into entries */
    struct seen_entry entries[LIMIT_SEEN];
};

struct seen {
    uint8_t hash_key[16];
    struct seen_table *mine; /* the worker's */
    _Atomic(struct seen_table *) offered, returned;
    _Atomic bool waiting; /* the worker has something to offer once a table comes back */
    struct seen_table tables[2];
};

/* hash_key: random, so that nobody can choose askers that collide. 0 or -ENOMEM. */
int seen_new(struct seen **out, const uint8_t hash_key[static 16]);
void seen_free(struct seen *seen);

/* Worker: counts one question. address: 4 or 16 octets. False where it was lost. */
bool seen_note(struct seen *seen, const struct query_info *info, bool tcp, uint64_t generation,
               const uint8_t *address, size_t address_len);
/* Worker: offers what is there. True: the main thread has to be woken. */
bool seen_offer(struct seen *seen);

/* Main thread: what is offered, or NULL; it stays offered until it is returned. */
const struct seen_table *seen_peek(const struct seen *seen);
/* Main thread: gives back what seen_peek showed. True: the worker has to be woken. */
bool seen_return(struct seen *seen);

/* Writes the entries of a table, each as in IPC_SEEN (count not included). */
void seen_put(struct msg_writer *w, const struct seen_table *table);

#endif

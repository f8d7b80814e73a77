/*
 * Inside zones/: the names with challenge values, in canonical order.
 *
 * An array of chunks, each an array of up to ZONE_CHUNK pointers: searched by bisection, changed by
 * moving at most one chunk's pointers, and walked without following one name to the next. That
 * is what makes it faster than a tree here: image_build walks all of it for each publication,
 * and can fetch names ahead of their turn.
 */
#ifndef CERTMILL_ZONES_ZONE_NAMES_H
#define CERTMILL_ZONES_ZONE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define ZONE_CHUNK 512

struct zone_value;

/* A name with at least one challenge value. */
struct zone_owner_name {
    struct zone_value *values;
    uint32_t value_count;
    uint16_t key_len;
    uint8_t name_len;
    uint8_t bytes[]; /* the key (name.h), then the name in wire form and lower case */
};

static inline const uint8_t *zone_owner_key(const struct zone_owner_name *name)
{
    return name->bytes;
}

static inline const uint8_t *zone_owner_wire(const struct zone_owner_name *name)
{
    return name->bytes + name->key_len;
}

struct zone_chunk {
    struct zone_owner_name **names; /* room for ZONE_CHUNK */
    size_t count;                   /* at least 1 */
};

struct zone_names {
    struct zone_chunk *chunks;
    size_t count, room;
};

/* Frees the arrays; the names are the caller's. */
void zone_names_clear(struct zone_names *names);

/* The name of this key, or NULL. */
struct zone_owner_name *zone_names_find(const struct zone_names *names, const uint8_t *key,
                                        size_t key_len);
/* name is not there yet. -ENOMEM. */
int zone_names_insert(struct zone_names *names, struct zone_owner_name *name);
/* name is there. */
void zone_names_remove(struct zone_names *names, const struct zone_owner_name *name);

/* A place in the order, from {0} on. */
struct zone_names_cursor {
    size_t chunk, index;
};

/* The name there, and on to the next; NULL at the end. */
static inline struct zone_owner_name *zone_names_next(const struct zone_names *names,
                                                      struct zone_names_cursor *cursor)
{
    if (cursor->chunk == names->count) {
        return NULL;
    }
    const struct zone_chunk *chunk = &names->chunks[cursor->chunk];
    struct zone_owner_name *name = chunk->names[cursor->index++];
    if (cursor->index == chunk->count) {
        *cursor = (struct zone_names_cursor){.chunk = cursor->chunk + 1};
    }
    return name;
}

#endif

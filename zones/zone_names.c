#include "zones/zone_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "zones/zone_static.h"

void zone_names_clear(struct zone_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->chunks[i].names);
    }
    free(names->chunks);
    *names = (struct zone_names){0};
}

/* -- searching -- */

static int compare(const struct zone_owner_name *name, const uint8_t *key, size_t key_len)
{
    return zone_key_compare(zone_owner_key(name), name->key_len, key, key_len);
}

/* The last chunk that begins at or before the key; 0 where none does. */
static size_t find_chunk(const struct zone_names *names, const uint8_t *key, size_t key_len)
{
    size_t low = 0, high = names->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (compare(names->chunks[middle].names[0], key, key_len) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first place in a chunk whose name is not before the key. */
static size_t find_place(const struct zone_chunk *chunk, const uint8_t *key, size_t key_len)
{
    size_t low = 0, high = chunk->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(chunk->names[middle], key, key_len) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct zone_owner_name *zone_names_find(const struct zone_names *names, const uint8_t *key,
                                        size_t key_len)
{
    if (names->count == 0) {
        return NULL;
    }
    const struct zone_chunk *chunk = &names->chunks[find_chunk(names, key, key_len)];
    size_t place = find_place(chunk, key, key_len);
    bool found = place < chunk->count && compare(chunk->names[place], key, key_len) == 0;
    return found ? chunk->names[place] : NULL;
}

/* -- changing -- */

/* Makes an empty chunk at a place. */
static int add_chunk(struct zone_names *names, size_t at)
{
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 4 : 2 * names->room;
        struct zone_chunk *chunks = reallocarray(names->chunks, room, sizeof(*chunks));
        if (chunks == NULL) {
            return -ENOMEM;
        }
        names->chunks = chunks;
        names->room = room;
    }
    struct zone_owner_name **pointers = calloc(ZONE_CHUNK, sizeof(void *));
    if (pointers == NULL) {
        return -ENOMEM;
    }
    struct zone_chunk *chunk = names->chunks + at;
    memmove(chunk + 1, chunk, (names->count - at) * sizeof(*chunk));
    *chunk = (struct zone_chunk){.names = pointers};
    names->count++;
    return 0;
}

static void drop_chunk(struct zone_names *names, size_t at)
{
    struct zone_chunk *chunk = names->chunks + at;

    free(chunk->names);
    names->count--;
    memmove(chunk, chunk + 1, (names->count - at) * sizeof(*chunk));
}

/* Moves the upper half of a full chunk into a new one behind it. */
static int split_chunk(struct zone_names *names, size_t at)
{
    int ret = add_chunk(names, at + 1);

    if (ret < 0) {
        return ret;
    }
    struct zone_chunk *lower = names->chunks + at, *upper = lower + 1;
    upper->count = lower->count / 2;
    lower->count -= upper->count;
    memcpy(upper->names, lower->names + lower->count, upper->count * sizeof(void *));
    return 0;
}

int zone_names_insert(struct zone_names *names, struct zone_owner_name *name)
{
    const uint8_t *key = zone_owner_key(name);
    size_t at = find_chunk(names, key, name->key_len);
    int ret = 0;

    if (names->count == 0) {
        ret = add_chunk(names, 0);
    } else if (names->chunks[at].count == ZONE_CHUNK) {
        ret = split_chunk(names, at);
        at = ret < 0 ? at : find_chunk(names, key, name->key_len);
    }
    if (ret < 0) {
        return ret;
    }
    struct zone_chunk *chunk = names->chunks + at;
    size_t place = find_place(chunk, key, name->key_len);
    memmove(chunk->names + place + 1, chunk->names + place,
            (chunk->count - place) * sizeof(void *));
    chunk->names[place] = name;
    chunk->count++;
    return 0;
}

/* Two neighbours that have become half a chunk together become one, so that few chunks are sparse.
 */
static void join_chunks(struct zone_names *names, size_t at)
{
    struct zone_chunk *lower = names->chunks + at, *upper = lower + 1;

    if (at + 1 < names->count && lower->count + upper->count <= ZONE_CHUNK / 2) {
        memcpy(lower->names + lower->count, upper->names, upper->count * sizeof(void *));
        lower->count += upper->count;
        drop_chunk(names, at + 1);
    }
}

void zone_names_remove(struct zone_names *names, const struct zone_owner_name *name)
{
    const uint8_t *key = zone_owner_key(name);
    size_t at = find_chunk(names, key, name->key_len);
    struct zone_chunk *chunk = names->chunks + at;
    size_t place = find_place(chunk, key, name->key_len);

    chunk->count--;
    memmove(chunk->names + place, chunk->names + place + 1,
            (chunk->count - place) * sizeof(void *));
    if (chunk->count == 0) {
        drop_chunk(names, at);
    } else {
        join_chunks(names, at);
    }
    if (at > 0) {
        join_chunks(names, at - 1);
    }
}

/*
 * Inside zones/: an image while it is being written.
 */
#ifndef CERTMILL_ZONES_IMAGE_WRITER_H
#define CERTMILL_ZONES_IMAGE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zones/image_format.h"

struct zone;

struct image_writer {
    uint8_t *base; /* zero where nothing was written yet */
    size_t pos, cap;
    bool full;
    uint32_t serial;
    uint32_t node_count;
    struct zone **zones; /* most specific first */
    size_t zone_count;
};

/* Room for n octets, or NULL for ever after. */
static inline void *image_writer_put(struct image_writer *w, size_t n)
{
    if (w->full || n > w->cap - w->pos) {
        w->full = true;
        return NULL;
    }
    void *at = w->base + w->pos;
    w->pos += n;
    return at;
}

/* All is zero where it was not written, so padding is skipping. align: a power of two. */
static inline void image_writer_align(struct image_writer *w, size_t align)
{
    image_writer_put(w, -w->pos & (align - 1));
}

/* Writes the nodes of zones[index] and its struct image_zone, for which there is room behind
 * the header. ERR_LIMIT where the image is full, -ENOMEM. */
int image_walk_zone(struct image_writer *w, uint8_t index);

#endif

/*
 * From editable zones to a sealed image.
 *
 * The memory is first made as large as an image may be: pages that nobody writes cost nothing. So
 * one walk over the zones (image_walk.c) writes the nodes where they belong, without counting them
 * before, and a second one, over the nodes just written, makes order and slots behind them.
 * Then the memory is cut to size, unmapped and sealed.
 */
#include "zones/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memfile.h"
#include "zones/image_format.h"
#include "zones/image_writer.h"
#include "zones/name.h"
#include "zones/zone.h"

/* -- order and slots -- */

static size_t node_size(const struct image_node *node)
{
    size_t size = image_node_head(node);

    if ((node->flags & IMAGE_EMPTY) != 0) {
        return size;
    }
    for (;;) {
        const struct image_rrset *rrset =
            (const struct image_rrset *)((const uint8_t *)node + size);
        size += sizeof(*rrset) + image_align(image_rrset_size(rrset));
        if ((rrset->size & IMAGE_LAST_RRSET) != 0) {
            return size;
        }
    }
}

/* Slots are where the hash wants them: those of a batch are fetched together, then filled. */
#define BATCH 16

struct entry {
    uint32_t place;
    struct image_slot slot;
};

static void fill_slots(struct image_slot *slots, uint32_t slot_count, const struct entry *entries,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = entries[i].place;
        while (slots[place].node != 0) {
            place = place + 1 == slot_count ? 0 : place + 1;
        }
        slots[place] = entries[i].slot;
    }
}

static void fill_index(struct image_writer *b, struct image_header *header, uint32_t *order,
                       struct image_slot *slots)
{
    size_t pos = header->nodes;
    struct entry entries[BATCH];

    for (uint32_t i = 0; i < b->node_count; i++) {
        const struct image_node *node = (const struct image_node *)(b->base + pos);
        uint64_t hash = image_hash(header, node->name, node->name_len);
        struct entry *entry = &entries[i % BATCH];
        entry->place = image_place(hash, header->slot_count);
        entry->slot = (struct image_slot){.tag = (uint32_t)hash, .node = (uint32_t)pos};
        __builtin_prefetch(&slots[entry->place], 1);
        order[i] = (uint32_t)pos;
        pos += node_size(node);
        if (i % BATCH == BATCH - 1 || i == b->node_count - 1) {
            fill_slots(slots, header->slot_count, entries, i % BATCH + 1);
        }
    }
}

static int put_index(struct image_writer *b, struct image_header *header)
{
    header->node_count = b->node_count;
    header->slot_count = image_slots_for(b->node_count);
    header->order = (uint32_t)b->pos;
    uint32_t *order = image_writer_put(b, b->node_count * sizeof(*order));
    image_writer_align(b, 8);
    header->slots = (uint32_t)b->pos;
    struct image_slot *slots = image_writer_put(b, header->slot_count * sizeof(*slots));
    if (order == NULL || slots == NULL) {
        return ERR_LIMIT;
    }
    fill_index(b, header, order, slots);
    header->len = b->pos;
    return 0;
}

static int fill(struct image_writer *b, const struct image_options *options)
{
    struct image_header *header = image_writer_put(b, sizeof(*header));
    int ret;

    if (header == NULL || image_writer_put(b, b->zone_count * sizeof(struct image_zone)) == NULL) {
        return ERR_LIMIT;
    }
    image_writer_align(b, 8);
    *header = (struct image_header){
        .magic = IMAGE_MAGIC,
        .version = IMAGE_VERSION,
        .serial = options->serial,
        .generation = options->generation,
        .zone_count = (uint32_t)b->zone_count,
        .zones = sizeof(*header),
        .nodes = (uint32_t)b->pos,
    };
    memcpy(header->hash_key, options->hash_key, sizeof(header->hash_key));
    for (size_t i = 0; i < b->zone_count; i++) {
        if ((ret = image_walk_zone(b, (uint8_t)i)) < 0) {
            return ret;
        }
    }
    return put_index(b, header);
}

/* -- the memory -- */

static int build(struct image_writer *b, const struct image_options *options)
{
    int ret, fd = memfile_new("certmill-image");

    if (fd < 0) {
        return fd;
    }
    b->cap = LIMIT_IMAGE;
    if (ftruncate(fd, (off_t)b->cap) < 0) {
        ret = -errno;
        goto err1;
    }
    b->base = mmap(NULL, b->cap, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b->base == MAP_FAILED) {
        ret = -errno;
        goto err1;
    }
    ret = fill(b, options);
    munmap(b->base, b->cap);
    if (ret == 0 && ftruncate(fd, (off_t)b->pos) < 0) {
        ret = -errno;
    }
    if (ret < 0 || (ret = memfile_seal(fd)) < 0) {
        goto err1;
    }
    return fd;
err1:
    close(fd);
    return ret;
}

static int compare_zones(const void *left, const void *right)
{
    const uint8_t *a = zone_apex(*(struct zone *const *)left);
    const uint8_t *b = zone_apex(*(struct zone *const *)right);
    unsigned a_labels = name_labels(a), b_labels = name_labels(b);

    if (a_labels != b_labels) {
        return a_labels > b_labels ? -1 : 1;
    }
    return memcmp(a, b, name_len(a)); /* ends at the latest where a ends */
}

int image_build(struct zone *const *zones, size_t count, const struct image_options *options)
{
    struct zone *sorted[LIMIT_DNS_ZONES];
    struct image_writer b = {.serial = options->serial, .zones = sorted, .zone_count = count};

    if (count > LIMIT_DNS_ZONES) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = zones[i];
    }
    qsort(sorted, count, sizeof(void *), compare_zones);
    for (size_t i = 1; i < count; i++) {
        if (name_equal(zone_apex(sorted[i - 1]), zone_apex(sorted[i]))) {
            return ERR_EXISTS;
        }
    }
    return build(&b, options);
}

/*
 * Images: whatever image_open lets pass, no lookup leaves it. Sections depend on each other, so the
 * lengths in the header are put right first: mutations then reach what lies behind.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/zones/exercise.h"
#include "zones/image_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_open(const uint8_t *bytes, size_t size)
{
    struct image image;

    if (image_open(&image, bytes, size) == 0) {
        exercise(&image);
    }
}

/* Makes a table that fits the nodes that order names, as the builder does it. */
static void repair_slots(uint8_t *bytes, size_t size)
{
    struct image_header *header = (struct image_header *)bytes;
    uint64_t end = header->slots + (uint64_t)header->slot_count * sizeof(struct image_slot);

    if (end > size || header->slots % 8 != 0 || header->order % 4 != 0 ||
        header->order + 4 * (uint64_t)header->node_count > size ||
        header->node_count >= header->slot_count) {
        return;
    }
    struct image_slot *slots = (struct image_slot *)(bytes + header->slots);
    const uint32_t *order = (const uint32_t *)(bytes + header->order);
    memset(slots, 0, header->slot_count * sizeof(*slots));
    for (uint32_t i = 0; i < header->node_count; i++) {
        const struct image_node *node = (const struct image_node *)(bytes + order[i]);
        if (order[i] % 4 != 0 || order[i] < sizeof(*header) ||
            order[i] + sizeof(*node) > header->order ||
            order[i] + sizeof(*node) + node->name_len > header->order) {
            return;
        }
        uint64_t hash = image_hash(header, node->name, node->name_len);
        uint32_t place = image_place(hash, header->slot_count);
        while (slots[place].node != 0) {
            place = place + 1 == header->slot_count ? 0 : place + 1;
        }
        slots[place] = (struct image_slot){.tag = (uint32_t)hash, .node = order[i]};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = aligned_alloc(8, (size + 7) / 8 * 8 + 8);

    if (bytes == NULL) {
        return 0;
    }
    memcpy(bytes, data, size);
    try_open(bytes, size);
    if (size >= sizeof(struct image_header)) {
        struct image_header *header = (struct image_header *)bytes;
        header->magic = IMAGE_MAGIC;
        header->version = IMAGE_VERSION;
        header->len = size;
        header->zero = 0;
        repair_slots(bytes, size);
        try_open(bytes, size);
    }
    free(bytes);
    return 0;
}

#include "dnsd/swap.h"

#include <errno.h>
#include <stdlib.h>

struct swap_image {
    struct image image; /* first: a worker's pointer to it is a pointer to this */
    uint64_t tag;
};

struct swap_slot {
    _Alignas(64) const struct image *taken; /* the worker's own */
};

struct swap {
    _Atomic(const struct image *) next;
    atomic_size_t left;           /* workers that have not taken it yet */
    struct swap_image *published; /* the same as next */
    struct swap_image *before;    /* where workers may still be */
    struct swap_image *waiting;
    bool under_way;
    void (*wake)(void *arg);
    void *arg;
    size_t workers;
    struct swap_slot slots[];
};

static void swap_image_free(struct swap_image *image)
{
    if (image != NULL) {
        image_unmap(&image->image);
        free(image);
    }
}

int swap_new(struct swap **out, size_t workers, void (*wake)(void *arg), void *arg)
{
    size_t size = sizeof(struct swap) + workers * sizeof(struct swap_slot);
    struct swap *swap = aligned_alloc(64, (size + 63) / 64 * 64);

    if (swap == NULL) {
        return -ENOMEM;
    }
    atomic_init(&swap->next, NULL);
    atomic_init(&swap->left, 0);
    swap->published = swap->before = swap->waiting = NULL;
    swap->under_way = false;
    swap->wake = wake;
    swap->arg = arg;
    swap->workers = workers;
    for (size_t i = 0; i < workers; i++) {
        swap->slots[i].taken = NULL;
    }
    *out = swap;
    return 0;
}

void swap_free(struct swap *swap)
{
    if (swap == NULL) {
        return;
    }
    swap_image_free(swap->waiting);
    swap_image_free(swap->before);
    swap_image_free(swap->published);
    free(swap);
}

static void publish(struct swap *swap, struct swap_image *image)
{
    swap_image_free(swap->before); /* none is under way: nobody is there any more */
    swap->before = swap->published;
    swap->published = image;
    swap->under_way = true;
    atomic_store_explicit(&swap->left, swap->workers, memory_order_relaxed);
    atomic_store_explicit(&swap->next, &image->image, memory_order_release);
    swap->wake(swap->arg);
}

int swap_offer(struct swap *swap, int fd, uint64_t generation, uint64_t tag, struct err *err)
{
    struct swap_image *image = calloc(1, sizeof(*image));
    int ret;

    if (image == NULL) {
        return err_set(err, -ENOMEM, "no memory for an image");
    }
    if ((ret = image_map(&image->image, fd)) < 0) {
        err_set(err, ret, "%s", err_string(ret));
        goto err1;
    }
    if (image->image.generation != generation) {
        ret = err_set(err, ERR_CORRUPT, "the image says generation %llu",
                      (unsigned long long)image->image.generation);
        goto err2;
    }
    image->tag = tag;
    if (swap->under_way) {
        swap_image_free(swap->waiting);
        swap->waiting = image;
    } else {
        publish(swap, image);
    }
    return 0;
err2:
    image_unmap(&image->image);
err1:
    free(image);
    return ret;
}

bool swap_settle(struct swap *swap, uint64_t *generation, uint64_t *tag)
{
    if (!swap->under_way || atomic_load_explicit(&swap->left, memory_order_acquire) > 0) {
        return false;
    }
    swap->under_way = false;
    *generation = swap->published->image.generation;
    *tag = swap->published->tag;
    return true;
}

void swap_advance(struct swap *swap)
{
    struct swap_image *waiting = swap->waiting;

    if (swap->under_way) {
        return;
    }
    swap_image_free(swap->before);
    swap->before = NULL;
    swap->waiting = NULL;
    if (waiting != NULL) {
        publish(swap, waiting);
    }
}

const struct image *swap_take(struct swap *swap, size_t worker, bool *last)
{
    const struct image *image = atomic_load_explicit(&swap->next, memory_order_acquire);
    struct swap_slot *slot = &swap->slots[worker];

    *last = false;
    if (slot->taken != image) {
        slot->taken = image;
        *last = atomic_fetch_sub_explicit(&swap->left, 1, memory_order_acq_rel) == 1;
    }
    return image;
}

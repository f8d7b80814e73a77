#include "dnsd/swap.h"

#include <errno.h>
#include <stdlib.h>

struct swap_image {
    struct image image; /* first: a worker's pointer to it is a pointer to this */
    uint64_t tag;
};

struct swap_slot {
    _Alignas(64) _Atomic(const struct image *) taken;
};

struct swap {
    _Atomic(const struct image *) next;
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
    swap->published = swap->before = swap->waiting = NULL;
    swap->under_way = false;
    swap->wake = wake;
    swap->arg = arg;
    swap->workers = workers;
    for (size_t i = 0; i < workers; i++) {
        atomic_init(&swap->slots[i].taken, NULL);
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
    swap->before = swap->published;
    swap->published = image;
    swap->under_way = true;
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
    struct swap_image *waiting;

    if (!swap->under_way) {
        return false;
    }
    for (size_t i = 0; i < swap->workers; i++) {
        if (atomic_load_explicit(&swap->slots[i].taken, memory_order_acquire) !=
            &swap->published->image) {
            return false;
        }
    }
    swap_image_free(swap->before);
    swap->before = NULL;
    swap->under_way = false;
    *generation = swap->published->image.generation;
    *tag = swap->published->tag;
    waiting = swap->waiting;
    swap->waiting = NULL;
    if (waiting != NULL) {
        publish(swap, waiting);
    }
    return true;
}

const struct image *swap_take(struct swap *swap, size_t worker, bool *changed)
{
    const struct image *image = atomic_load_explicit(&swap->next, memory_order_acquire);
    _Atomic(const struct image *) *taken = &swap->slots[worker].taken;

    *changed = atomic_load_explicit(taken, memory_order_relaxed) != image;
    if (*changed) {
        atomic_store_explicit(taken, image, memory_order_release);
    }
    return image;
}

/*
 * The image that every worker answers from, and how it is replaced.
 *
 * One image is published at a time. The main thread maps and proves it, stores it in next, and
 * wakes the workers. Each worker looks at next between two batches, never within one; when it
 * finds another image than the one it has, it answers from that from then on and counts itself
 * out of those left. When none is left, no worker can hold a pointer into the one before: the
 * generation is acknowledged, and that one unmapped. So an
 * answer is made from one image from its first octet to its last, and no image goes away
 * under an answer: there is no torn read. An answer that waits in a TCP buffer holds copies.
 *
 * An image that comes while a publication is under way waits; a newer one takes its
 * place, so that at most three are mapped. Its generation is acknowledged only once it is the
 * published one itself: the acknowledgement of a newer generation stands for those passed over.
 *
 * next is stored with release and loaded with acquire (the image's struct is complete when
 * its pointer is seen); so is left (the reads from the old image come before its unmapping).
 */
#ifndef CERTMILL_DNSD_SWAP_H
#define CERTMILL_DNSD_SWAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "zones/image.h"

struct swap;

/* wake is called when workers have to look at swap_take. -ENOMEM. */
int swap_new(struct swap **out, size_t workers, void (*wake)(void *arg), void *arg);
/* Unmaps everything; no worker runs any more. */
void swap_free(struct swap *swap);

/* Main thread. Maps the image behind fd (which stays the caller's) and publishes it, at once
 * or when the one under way is done. tag comes back with the acknowledgement. An image that
 * does not prove, or is not of this generation, is refused with err filled; the old one stays. */
int swap_offer(struct swap *swap, int fd, uint64_t generation, uint64_t tag, struct err *err);

/* Main thread, after a worker took something: whether the publication under way is done;
 * then generation and tag are those of the image that all workers now answer from. */
bool swap_settle(struct swap *swap, uint64_t *generation, uint64_t *tag);

/* Main thread, once that is acknowledged: unmaps the image before it, and publishes the one that
 * waits. Unmapping interrupts every core; nobody waits for it here. */
void swap_advance(struct swap *swap);

/* Worker, between two batches: the image to answer from (NULL: none yet). *last is set where
 * all others have taken it before, and the main thread then has to be woken. */
const struct image *swap_take(struct swap *swap, size_t worker, bool *last);

#endif

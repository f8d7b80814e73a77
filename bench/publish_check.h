/*
 * Asks for the values of every generation while publications go on, over many sockets and so of
 * every worker, and judges each answer: lost, mixed (its two values are of different generations),
 * gone back (older than one that came before on the same socket, or, in a batch, before it), or
 * late (older than what was acknowledged before the question left).
 */
#ifndef CERTMILL_BENCH_PUBLISH_CHECK_H
#define CERTMILL_BENCH_PUBLISH_CHECK_H

#include <stdint.h>

#define PUBLISH_CHECK_NAME "generation-%c.check.acme.example.com" /* a and b */
/* A name has two of them, which differ by their last letter. */
#define PUBLISH_CHECK_VALUE "%020llu-of-this-generation-%c"

struct publish_check;

struct publish_counts {
    uint64_t pairs, lost, mixed, back, late;
};

/* Starts a thread. served: what is acknowledged already. */
struct publish_check *publish_check_new(uint16_t port, uint64_t served);
/* From now on this generation is acknowledged. */
void publish_check_served(struct publish_check *check, uint64_t generation);
/* Ends the thread, fills *counts, frees. */
void publish_check_free(struct publish_check *check, struct publish_counts *counts);

#endif

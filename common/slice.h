/*
 * How long a thread's turns on a core are. Who has little to do and is waited for asks for
 * short ones: on a busy host the scheduler then lets it in sooner, and for that sooner takes the
 * core away from it again. Nobody gets more time by it, and no privilege is needed.
 */
#ifndef CERTMILL_COMMON_SLICE_H
#define CERTMILL_COMMON_SLICE_H

/* What a publication passes through: the issuer's loop, dnsd's main thread, its workers. A
 * publication of 1,000 names takes 300 us of all of them. */
#define SLICE_US 100

/* Asks for turns of us microseconds for the calling thread and those it makes. Linux 6.12 and
 * later; earlier ones ignore it. Nothing depends on it, so nothing is returned. To be called before
 * a system-call filter is entered. */
void slice_request(unsigned us);

/* The calling thread's wish, in microseconds; 0: none, or a kernel that knows of none. */
unsigned slice_requested(void);

#endif

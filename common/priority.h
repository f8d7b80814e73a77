/*
 * Threads that are waited for: what a publication passes through between the issuer's decision and
 * its acknowledgement. They have little to do, and on a busy host each turn they wait for a core is
 * longer than all they have to do.
 */
#ifndef CERTMILL_COMMON_PRIORITY_H
#define CERTMILL_COMMON_PRIORITY_H

#define PRIORITY_NICE     (-19) /* needs CAP_SYS_NICE, which root has */
#define PRIORITY_SLICE_US 100   /* a publication of 1,000 names takes 300 us of all threads */

/* The calling thread's turns on a core come sooner and are shorter: a slice of PRIORITY_SLICE_US
 * (Linux 6.12 and later) and, where that is allowed, PRIORITY_NICE. Threads and processes that it
 * makes afterwards are as any other (SCHED_RESET_ON_FORK of sched(7)). Nothing depends on it, so
 * nothing is returned. To be called before the user is changed and a system-call filter entered. */
void priority_raise(void);

/* What the calling thread has: slice in microseconds (0: a kernel that knows of none), and nice. */
void priority_read(unsigned *slice_us, int *nice);

#endif

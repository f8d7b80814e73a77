/*
 * How long to wait before a dead child is started again. Pure: the time comes in.
 *
 * A child that lived for a while is started at once, however often that
 * happens; only deaths in quick succession make the delay grow, so that a
 * child that cannot live does not keep a core busy.
 */
#ifndef CERTMILL_SUPERVISOR_BACKOFF_H
#define CERTMILL_SUPERVISOR_BACKOFF_H

#include <stdint.h>

struct backoff {
    uint32_t quick; /* deaths in quick succession */
};

/* A child that lived lived_ms milliseconds has died: milliseconds until its next start. */
uint64_t backoff_died(struct backoff *b, uint64_t lived_ms);

#endif

/*
 * DNS over TCP: each message behind its length in two octets (RFC 1035 4.2.2, RFC 7766 8).
 * Pure functions over what has been received so far.
 */
#ifndef CERTMILL_DNSD_FRAME_H
#define CERTMILL_DNSD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/wire.h"

#define FRAME_PREFIX 2
#define FRAME_MAX    (FRAME_PREFIX + LIMIT_DNS_MESSAGE)

/* Octets that the first message takes in all, as far as len octets of data tell. */
static inline size_t frame_need(const uint8_t *data, size_t len)
{
    return len < FRAME_PREFIX ? FRAME_PREFIX : FRAME_PREFIX + (size_t)wire_read_u16(data);
}

/* The first message, where it is there whole: sets *message into data and returns its
 * length with the prefix. Otherwise 0. */
static inline size_t frame_next(const uint8_t *data, size_t len, const uint8_t **message)
{
    size_t need = frame_need(data, len);

    if (len < FRAME_PREFIX || need > len) {
        return 0;
    }
    *message = data + FRAME_PREFIX;
    return need;
}

#endif

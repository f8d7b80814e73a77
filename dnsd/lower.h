/*
 * Lower case of a wire-format name, eight octets at a time. Length octets are at most 63
 * and so below 'A': they need no care (RFC 4343 3 folds ASCII letters only).
 */
#ifndef CERTMILL_DNSD_LOWER_H
#define CERTMILL_DNSD_LOWER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LOWER_ROOM 256 /* LIMIT_NAME_WIRE rounded up to whole words */

static inline uint64_t lower_word(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t low7 = x & ~high;
    uint64_t past_z = low7 + (0x7f - 'Z') * ones; /* high bit: octet > 'Z' */
    uint64_t from_a = low7 + (0x80 - 'A') * ones; /* high bit: octet >= 'A' */

    return x | ((from_a & ~past_z & ~x & high) >> 2);
}

static inline void lower_copy_word(uint8_t *dst, const uint8_t *src)
{
    uint64_t word;

    memcpy(&word, src, 8);
    word = lower_word(word);
    memcpy(dst, &word, 8);
}

/* dst may be src. */
static inline void lower_copy(uint8_t dst[static LOWER_ROOM], const uint8_t *src, size_t len)
{
    size_t i = 0;

    for (; len - i > 8; i += 8) {
        lower_copy_word(dst + i, src + i);
    }
    if (len >= 8) { /* the last word overlaps the one before: lower case stays so */
        lower_copy_word(dst + len - 8, src + len - 8);
        return;
    }
    for (; i < len; i++) {
        uint8_t c = src[i];

        dst[i] = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    }
}

#endif

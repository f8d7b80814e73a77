/*
 * SipHash (J.-P. Aumasson, D. J. Bernstein: "SipHash: a fast short-input PRF", 2012), a
 * hash under a secret key, so that nobody can choose names that collide. Written here
 * because a call of OpenSSL's costs ten times what the hash itself does.
 */
#ifndef CERTMILL_ZONES_SIPHASH_H
#define CERTMILL_ZONES_SIPHASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIPHASH_KEY 16

static inline uint64_t siphash_rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static inline void siphash_rounds(uint64_t v[static 4], unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = siphash_rotate(v[1], 13) ^ v[0];
        v[0] = siphash_rotate(v[0], 32);
        v[2] += v[3];
        v[3] = siphash_rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = siphash_rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = siphash_rotate(v[1], 17) ^ v[2];
        v[2] = siphash_rotate(v[2], 32);
    }
}

static inline uint64_t siphash_load(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

/* SipHash-compression-finalization of len bytes. */
static inline uint64_t siphash(unsigned compression, unsigned finalization,
                               const uint8_t key[static SIPHASH_KEY], const uint8_t *data,
                               size_t len)
{
    uint64_t k0 = siphash_load(key), k1 = siphash_load(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    uint64_t last = (uint64_t)len << 56;

    for (; len >= 8; data += 8, len -= 8) {
        uint64_t m = siphash_load(data);
        v[3] ^= m;
        siphash_rounds(v, compression);
        v[0] ^= m;
    }
    for (size_t i = 0; i < len; i++) {
        last |= (uint64_t)data[i] << (8 * i);
    }
    v[3] ^= last;
    siphash_rounds(v, compression);
    v[0] ^= last;
    v[2] ^= 0xff;
    siphash_rounds(v, finalization);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif

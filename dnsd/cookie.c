#include "dnsd/cookie.h"

#include <string.h>

#include "common/wire.h"
#include "zones/siphash.h"

#define COOKIE_VERSION  1
#define COOKIE_LIFETIME 3600 /* seconds, RFC 9018 4.3 */
#define COOKIE_RENEW    1800
#define COOKIE_AHEAD    300

static uint64_t cookie_hash(const uint8_t *key, const uint8_t cookie[static COOKIE_FULL],
                            const uint8_t *address, size_t address_len)
{
    uint8_t input[COOKIE_CLIENT + 8 + 16]; /* RFC 9018 4.4 */

    memcpy(input, cookie, COOKIE_CLIENT + 8);
    memcpy(input + COOKIE_CLIENT + 8, address, address_len);
    return siphash(2, 4, key, input, COOKIE_CLIENT + 8 + address_len);
}

void cookie_make(const struct cookie_secrets *secrets, const uint8_t client[static COOKIE_CLIENT],
                 const uint8_t *address, size_t address_len, uint32_t now,
                 uint8_t cookie[static COOKIE_FULL])
{
    uint64_t hash;

    memmove(cookie, client, COOKIE_CLIENT);
    wire_write_u32(cookie + COOKIE_CLIENT, (uint32_t)COOKIE_VERSION << 24);
    wire_write_u32(cookie + COOKIE_CLIENT + 4, now);
    hash = htole64(cookie_hash(secrets->key[0], cookie, address, address_len));
    memcpy(cookie + COOKIE_CLIENT + 8, &hash, sizeof(hash));
}

bool cookie_check(const struct cookie_secrets *secrets, const uint8_t cookie[static COOKIE_FULL],
                  const uint8_t *address, size_t address_len, uint32_t now, bool *fresh)
{
    uint32_t age = now - wire_read_u32(cookie + COOKIE_CLIENT + 4); /* RFC 1982 */
    uint64_t shown;

    *fresh = false;
    if (cookie[COOKIE_CLIENT] != COOKIE_VERSION ||
        (age > COOKIE_LIFETIME && age < (uint32_t)-COOKIE_AHEAD)) {
        return false;
    }
    memcpy(&shown, cookie + COOKIE_CLIENT + 8, sizeof(shown));
    for (unsigned i = 0; i < secrets->count; i++) {
        if (htole64(cookie_hash(secrets->key[i], cookie, address, address_len)) == shown) {
            *fresh = i == 0 && (age < COOKIE_RENEW || age >= (uint32_t)-COOKIE_AHEAD);
            return true;
        }
    }
    return false;
}

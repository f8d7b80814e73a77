#include "issuer/renewal.h"

#include "issuer/store.h"

#define DAY 86400

/* FNV-1a (the 64-bit form): serial numbers are random, this only brings them into a number. */
static uint64_t hash(const char *text)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++) {
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return value ^ value >> 32;
}

int64_t renewal_moment(const struct store_certificate *cert)
{
    if (cert->revoked != 0) {
        return 1;
    }
    if (cert->renew_end <= cert->renew_start) {
        return cert->renew_end;
    }
    uint64_t length = (uint64_t)cert->renew_end - (uint64_t)cert->renew_start;
    return cert->renew_start + (int64_t)(hash(cert->serial) % length);
}

bool renewal_outdated(const struct store_certificate *cert, int64_t now)
{
    return now >= cert->renew_next || cert->renew_next - now > DAY;
}

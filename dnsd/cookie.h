/*
 * DNS cookies (RFC 7873) in the form that servers of different make understand (RFC 9018).
 */
#ifndef CERTMILL_DNSD_COOKIE_H
#define CERTMILL_DNSD_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cookie_secrets.h"

#define COOKIE_CLIENT 8  /* octets, RFC 7873 4.1 */
#define COOKIE_SERVER 16 /* octets, RFC 9018 4 */
#define COOKIE_FULL   (COOKIE_CLIENT + COOKIE_SERVER)

enum cookie_mode {
    COOKIE_OFF,     /* the option is ignored as any unknown one */
    COOKIE_ON,      /* a client that sends one gets one */
    COOKIE_ENFORCE, /* and over UDP BADCOOKIE until it has sent ours back (RFC 7873 5.2.3, 5.2.4) */
};

/* Writes the client's part and ours for it (RFC 9018 4.2 to 4.4). address: 4 or 16 octets; now:
 * Unix seconds, of which 32 bits count. */
void cookie_make(const struct cookie_secrets *secrets, const uint8_t client[static COOKIE_CLIENT],
                 const uint8_t *address, size_t address_len, uint32_t now,
                 uint8_t cookie[static COOKIE_FULL]);

/* Whether cookie came from us (or from a server with one of our secrets) for this client, at most
 * an hour ago and not more than 5 minutes ahead (RFC 9018 4.3, serial arithmetic of RFC 1982).
 * Takes the same time whichever octet differs. *fresh: younger than half an hour, made with the
 * first secret, so that it may be sent back as it is. */
bool cookie_check(const struct cookie_secrets *secrets, const uint8_t cookie[static COOKIE_FULL],
                  const uint8_t *address, size_t address_len, uint32_t now, bool *fresh);

#endif

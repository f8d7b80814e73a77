/*
 * A client's address as octets: 4 for IPv4, also where it came on a socket for both (RFC 4291
 * 2.5.5.2), else 16.
 */
#ifndef CERTMILL_DNSD_ADDRESS_H
#define CERTMILL_DNSD_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* from: AF_INET or AF_INET6. What is returned lies in it. */
static inline const uint8_t *address_octets(const struct sockaddr *from, size_t *len)
{
    if (from->sa_family == AF_INET) {
        *len = 4;
        return (const uint8_t *)&((const struct sockaddr_in *)from)->sin_addr;
    }
    const struct in6_addr *address = &((const struct sockaddr_in6 *)from)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        *len = 4;
        return address->s6_addr + 12;
    }
    *len = 16;
    return address->s6_addr;
}

#endif

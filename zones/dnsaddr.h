/*
 * Addresses of nameservers and resolvers, as people and resolv.conf(5) write them.
 */
#ifndef CERTMILL_ZONES_DNSADDR_H
#define CERTMILL_ZONES_DNSADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

#define DNSADDR_TEXT 64 /* "[2001:db8::53]:53", with a scope */

union dnsaddr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:53", "[2001:db8::1]:53", or "2001:db8::1@53"; port
 * where text has none. ERR_MALFORMED. */
int dnsaddr_parse(union dnsaddr *out, const char *text, uint16_t port);
void dnsaddr_text(char dst[static DNSADDR_TEXT], const union dnsaddr *addr);

/* 127.0.0.0/8 and ::1: nobody in between. */
bool dnsaddr_is_loopback(const union dnsaddr *addr);

/* The nameserver lines of resolv.conf(5), up to LIMIT_RESOLVE_SERVERS; what is none is passed over.
 * Returns how many. trust_ad (may be NULL): whether a line of options has trust-ad. */
size_t dnsaddr_resolv_conf(union dnsaddr *out, bool *trust_ad, const char *text);

#endif

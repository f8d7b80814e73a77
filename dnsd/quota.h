/*
 * How many TCP connections one address has, over all workers (RFC 7766 6.2.2, RFC 9210 4.3). A
 * lock guards it: it is touched when a connection comes or goes, never by a query.
 */
#ifndef CERTMILL_DNSD_QUOTA_H
#define CERTMILL_DNSD_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota;

/* capacity: connections in all, at most; hash_key: random. -ENOMEM. */
int quota_new(struct quota **out, size_t capacity, const uint8_t hash_key[static 16]);
void quota_free(struct quota *quota);

/* Counts one more connection of address (4 or 16 octets); false, and nothing counted, where it has
 * limit of them. IPv6 addresses of one /64 are one. */
bool quota_take(struct quota *quota, const uint8_t *address, size_t address_len, size_t limit);
void quota_return(struct quota *quota, const uint8_t *address, size_t address_len);
/* As quota_return, but only where there are more than limit; whether it did. */
bool quota_shrink(struct quota *quota, const uint8_t *address, size_t address_len, size_t limit);

/* Whether two addresses count as one. */
bool quota_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Connections counted, of all addresses. */
size_t quota_total(struct quota *quota);

#endif

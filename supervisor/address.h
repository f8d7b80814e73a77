/*
 * Socket addresses as text: 192.0.2.1:53, [2001:db8::1]:53.
 */
#ifndef CERTMILL_SUPERVISOR_ADDRESS_H
#define CERTMILL_SUPERVISOR_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"

#define ADDRESS_TEXT 64 /* [IPv6]:port and NUL: 39 + 8 + 1, with room */

struct address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* ERR_MALFORMED where text is not an address and a port. */
int address_parse(const char *text, struct address *address, struct err *err);
void address_format(const struct address *address, char dst[static ADDRESS_TEXT]);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
/* 0.0.0.0 or :: */
bool address_is_any(const struct address *address);

#endif

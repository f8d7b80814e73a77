/*
 * Which service TLSA records are of: PORT and PROTOCOL.
 */
#ifndef CERTMILL_CLIENT_TLSA_SERVICE_H
#define CERTMILL_CLIENT_TLSA_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/command.h"

struct tlsa_service {
    int64_t port;     /* 1 to 65535 */
    char protocol[8]; /* tcp, udp, sctp */
};

/* Reads PORT and PROTO, in words (NULL: not given), else tlsa-port and tlsa-protocol. *given is
 * false where none of these is there. ERR_MALFORMED, ERR_RANGE; ERR_NOT_FOUND where only
 * one of the two is. */
int tlsa_service_read(struct tlsa_service *out, bool *given, const struct settings *settings,
                      const char *port, const char *protocol, struct err *err);

/* The same from a command's words. ERR_NOT_FOUND as well where none is given and needed is true. */
int tlsa_service_of(struct tlsa_service *out, bool *given, const struct client *client, bool needed,
                    struct err *err);

#endif

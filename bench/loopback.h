/*
 * Where the measuring programs send to: this host, and nowhere else.
 */
#ifndef CERTMILL_BENCH_LOOPBACK_H
#define CERTMILL_BENCH_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads "127.0.0.1:53". -1, with a word on stderr, for what is not in 127/8. */
static inline int loopback_parse(struct sockaddr_in *to, const char *text)
{
    const char *colon = strchr(text, ':');
    long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 0;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char address[INET_ADDRSTRLEN] = "";

    if (len < sizeof(address)) {
        memcpy(address, text, len);
    }
    if (port < 1 || port > 65535 || inet_pton(AF_INET, address, &to->sin_addr) != 1 ||
        ntohl(to->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
        fprintf(stderr, "%s is no address and port of this host's loopback, 127.0.0.1:53\n", text);
        return -1;
    }
    to->sin_family = AF_INET;
    to->sin_port = htons((uint16_t)port);
    return 0;
}

#endif

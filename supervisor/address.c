#include "supervisor/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_port(const char *text, uint16_t *port)
{
    size_t len = strlen(text);

    if (len == 0 || len > 5 || text[strspn(text, "0123456789")] != '\0') {
        return ERR_MALFORMED;
    }
    long value = strtol(text, NULL, 10);
    if (value > UINT16_MAX) {
        return ERR_RANGE;
    }
    *port = (uint16_t)value;
    return 0;
}

static int parse(const char *text, struct address *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char host[INET6_ADDRSTRLEN];
    uint16_t port;

    *address = (struct address){0};
    if (len == 0 || parse_port(colon + 1, &port) < 0) {
        return ERR_MALFORMED;
    }
    bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracket) {
        text++;
        len -= 2;
    }
    if (len >= sizeof(host)) {
        return ERR_MALFORMED;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (bracket && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        address->len = sizeof(*v6);
    } else if (!bracket && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        address->len = sizeof(*v4);
    } else {
        return ERR_MALFORMED;
    }
    address_set_port(address, port);
    return 0;
}

int address_parse(const char *text, struct address *address, struct err *err)
{
    int ret = parse(text, address);

    return ret < 0 ? err_set(err, ret,
                             "%.128s is not an address and a port: write 192.0.2.1:53 or "
                             "[2001:db8::1]:53",
                             text)
                   : 0;
}

void address_format(const struct address *address, char dst[static ADDRESS_TEXT])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->storage.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(dst, ADDRESS_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(dst, ADDRESS_TEXT, "%s:%u", host, ntohs(v4->sin_port));
    }
}

uint16_t address_port(const struct address *address)
{
    return address->storage.ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port)
               : ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
    }
}

bool address_is_any(const struct address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;

    return address->storage.ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)
                                                  : v4->sin_addr.s_addr == htonl(INADDR_ANY);
}

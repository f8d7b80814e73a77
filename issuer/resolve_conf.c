#include "issuer/resolve.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r"

/* The address alone, perhaps with %scope. */
static int parse_host(union resolve_address *out, const char *text, uint16_t port)
{
    char host[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "%");

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(port);
        return 0;
    }
    if (len >= sizeof host) {
        return ERR_MALFORMED;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET6, host, &out->in6.sin6_addr) != 1) {
        return ERR_MALFORMED;
    }
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_port = htons(port);
    if (text[len] == '%') {
        out->in6.sin6_scope_id = if_nametoindex(text + len + 1);
    }
    return 0;
}

int resolve_address_parse(union resolve_address *out, const char *text, uint16_t port)
{
    char host[RESOLVE_ADDRESS_TEXT], *end;
    const char *colon = strrchr(text, ':');
    size_t len;
    long number;

    if (parse_host(out, text, port) == 0) {
        return 0;
    }
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        return ERR_MALFORMED;
    }
    len = (size_t)(colon - text);
    memcpy(host, text, len);
    host[len] = '\0';
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    number = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || number < 1 || number > UINT16_MAX) {
        return ERR_MALFORMED;
    }
    return parse_host(out, host, (uint16_t)number);
}

void resolve_address_text(char dst[static RESOLVE_ADDRESS_TEXT], const union resolve_address *addr)
{
    char host[INET6_ADDRSTRLEN] = "";
    const bool six = addr->any.sa_family == AF_INET6;
    unsigned port = ntohs(six ? addr->in6.sin6_port : addr->in.sin_port);

    if (six) {
        (void)inet_ntop(AF_INET6, &addr->in6.sin6_addr, host, sizeof host);
    } else {
        (void)inet_ntop(AF_INET, &addr->in.sin_addr, host, sizeof host);
    }
    if (port == 53) {
        (void)snprintf(dst, RESOLVE_ADDRESS_TEXT, "%s", host);
    } else {
        (void)snprintf(dst, RESOLVE_ADDRESS_TEXT, six ? "[%s]:%u" : "%s:%u", host, port);
    }
}

static int parse_line(union resolve_address *out, const char *line, size_t len)
{
    static const char word[] = "nameserver";
    char text[RESOLVE_ADDRESS_TEXT];
    const char *end = line + len, *from = line + strspn(line, BLANK);
    size_t size;

    if (from >= end || (size_t)(end - from) < sizeof word ||
        strncmp(from, word, sizeof word - 1) != 0) {
        return ERR_MALFORMED;
    }
    from += sizeof word - 1;
    if (strspn(from, BLANK) == 0) {
        return ERR_MALFORMED;
    }
    from += strspn(from, BLANK);
    size = strcspn(from, BLANK "\n");
    if (size == 0 || size >= sizeof text) {
        return ERR_MALFORMED;
    }
    memcpy(text, from, size);
    text[size] = '\0';
    return parse_host(out, text, 53);
}

size_t resolve_conf_parse(union resolve_address *out, const char *text)
{
    size_t count = 0;

    while (*text != '\0' && count < LIMIT_RESOLVE_SERVERS) {
        size_t len = strcspn(text, "\n");

        if (parse_line(&out[count], text, len) == 0) {
            count++;
        }
        text += len;
        text += *text == '\n';
    }
    return count;
}

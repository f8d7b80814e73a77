#include "zones/dnsaddr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r"

/* The address alone, perhaps with %scope. */
static int parse_host(union dnsaddr *out, const char *text, uint16_t port)
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

static int parse_port(uint16_t *port, const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || number < 1 || number > UINT16_MAX) {
        return ERR_MALFORMED;
    }
    *port = (uint16_t)number;
    return 0;
}

int dnsaddr_parse(union dnsaddr *out, const char *text, uint16_t port)
{
    char host[DNSADDR_TEXT];
    const char *sep = strrchr(text, '@');
    size_t len;

    if (parse_host(out, text, port) == 0) {
        return 0;
    }
    if (sep == NULL) {
        sep = strrchr(text, ':');
    }
    if (sep == NULL || (size_t)(sep - text) >= sizeof host) {
        return ERR_MALFORMED;
    }
    len = (size_t)(sep - text);
    memcpy(host, text, len);
    host[len] = '\0';
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    return parse_port(&port, sep + 1) == 0 ? parse_host(out, host, port) : ERR_MALFORMED;
}

void dnsaddr_text(char dst[static DNSADDR_TEXT], const union dnsaddr *addr)
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
        (void)snprintf(dst, DNSADDR_TEXT, "%s", host);
    } else {
        (void)snprintf(dst, DNSADDR_TEXT, six ? "[%s]:%u" : "%s:%u", host, port);
    }
}

bool dnsaddr_is_loopback(const union dnsaddr *addr)
{
    if (addr->any.sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
    }
    return addr->any.sa_family == AF_INET && ntohl(addr->in.sin_addr.s_addr) >> 24 == 127;
}

/* The words behind `word` on a line, or NULL. */
static const char *behind(const char *word, const char *line, size_t len)
{
    const size_t size = strlen(word);
    const char *end = line + len, *from = line + strspn(line, BLANK);

    if (from >= end || (size_t)(end - from) <= size || strncmp(from, word, size) != 0 ||
        strspn(from + size, BLANK) == 0) {
        return NULL;
    }
    from += size;
    return from + strspn(from, BLANK);
}

static int parse_line(union dnsaddr *out, const char *line, size_t len)
{
    char text[DNSADDR_TEXT];
    const char *from = behind("nameserver", line, len);
    size_t size;

    if (from == NULL) {
        return ERR_MALFORMED;
    }
    size = strcspn(from, BLANK "\n");
    if (size == 0 || size >= sizeof text) {
        return ERR_MALFORMED;
    }
    memcpy(text, from, size);
    text[size] = '\0';
    return parse_host(out, text, 53);
}

static bool has_trust_ad(const char *line, size_t len)
{
    static const char word[] = "trust-ad";
    const char *end = line + len, *at = behind("options", line, len);

    while (at != NULL && at < end) {
        size_t size = strcspn(at, BLANK "\n");

        if (size == sizeof word - 1 && memcmp(at, word, size) == 0) {
            return true;
        }
        at += size;
        at += strspn(at, BLANK);
        if (*at == '\n') {
            break;
        }
    }
    return false;
}

size_t dnsaddr_resolv_conf(union dnsaddr *out, bool *trust_ad, const char *text)
{
    size_t count = 0;
    bool trusted = false;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        trusted = trusted || has_trust_ad(text, len);
        if (count < LIMIT_RESOLVE_SERVERS && parse_line(&out[count], text, len) == 0) {
            count++;
        }
        text += len;
        text += *text == '\n';
    }
    if (trust_ad != NULL) {
        *trust_ad = trusted;
    }
    return count;
}

/* Any text as dns-nsid, as an address block and as an address to listen on: what is taken is in
 * bounds and reads back the same. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/server_conf_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void try_nsid(const char *text)
{
    uint8_t octets[LIMIT_NSID], again[LIMIT_NSID];
    char hex[2 + 2 * LIMIT_NSID + 1] = "0x";
    struct err err;
    int len = server_conf_parse_nsid(text, octets, &err);

    check((server_conf_value_nsid(text, &err) < 0) == (len < 0));
    if (len < 0) {
        return;
    }
    check(len <= LIMIT_NSID);
    for (int i = 0; i < len; i++) {
        snprintf(hex + 2 + (size_t)2 * i, 3, "%02x", octets[i]);
    }
    check(len == 0 || server_conf_parse_nsid(hex, again, &err) == len);
    check(len == 0 || memcmp(octets, again, (size_t)len) == 0);
}

static void try_prefix(const char *text)
{
    struct server_conf_prefix prefix, again;
    char shown[INET6_ADDRSTRLEN + 8];
    struct err err;

    if (server_conf_parse_prefix(text, &prefix, &err) < 0) {
        return;
    }
    check(prefix.bits <= 128);
    for (unsigned bit = prefix.bits; bit < 128; bit++) {
        check((prefix.address[bit / 8] & 0x80 >> bit % 8) == 0);
    }
    check(inet_ntop(AF_INET6, prefix.address, shown, INET6_ADDRSTRLEN) != NULL);
    snprintf(shown + strlen(shown), 8, "/%u", prefix.bits);
    check(server_conf_parse_prefix(shown, &again, &err) == 0);
    check(memcmp(&prefix, &again, sizeof(prefix)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct err err;

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    try_nsid(text);
    try_prefix(text);
    (void)server_conf_value_listen(text, &err);
    (void)server_conf_value_url(text, &err);
    (void)server_conf_value_email(text, &err);
    (void)server_conf_value_user(text, &err);
    free(text);
    return 0;
}

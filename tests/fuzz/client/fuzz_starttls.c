/* What a server says before TLS: the first octet is the protocol, 0xff ends one read and begins the
 * next. Octet by octet it has to come to no other go-ahead than in pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/starttls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct starttls pieces, octets;
    struct err err = {0};
    int ret = 0, each = 0;
    if (size == 0) {
        return 0;
    }
    enum starttls_protocol protocol = STARTTLS_SMTP + data[0] % STARTTLS_LDAP;
    starttls_begin(&pieces, protocol, "mail.example.org", "[127.0.0.1]");
    starttls_begin(&octets, protocol, "mail.example.org", "[127.0.0.1]");
    for (size_t pos = 1; pos < size && ret == 0;) {
        const uint8_t *end = memchr(data + pos, 0xff, size - pos);
        size_t len = end != NULL ? (size_t)(end - data) - pos : size - pos;
        ret = starttls_input(&pieces, data + pos, len, &err);
        for (size_t i = 0; i < len && each == 0; i++) {
            each = starttls_input(&octets, data + pos + i, 1, &err);
        }
        if (pieces.out_len > sizeof(pieces.out) || pieces.len > sizeof(pieces.in) ||
            (ret > 0 && each <= 0) || (ret == 0 && each < 0)) {
            abort();
        }
        pos += len + 1;
    }
    return 0;
}

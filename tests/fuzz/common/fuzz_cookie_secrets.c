/*
 * Any octets as a file of cookie secrets: no octet read outside, the sentence tells nothing of the
 * file, and what is refused leaves no secret behind.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cookie_secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cookie_secrets wiped = {0};
    struct cookie_secrets secrets;
    struct err err = {0};
    int ret = cookie_secrets_parse(&secrets, (const char *)data, size, &err);

    if (ret == 0 && (secrets.count == 0 || secrets.count > LIMIT_COOKIE_SECRETS)) {
        abort();
    }
    if (ret < 0 && (memcmp(&secrets, &wiped, sizeof(wiped)) != 0 || err.text[0] == '\0')) {
        abort();
    }
    return 0;
}

/* What decodes encodes to the same characters: a byte string has one form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cap = size / 4 * 3 + 3;
    uint8_t *bytes = malloc(cap);
    char *again = malloc(size + 2);
    int n;

    if (bytes != NULL && again != NULL &&
        (n = base64url_decode(bytes, cap, (const char *)data, size)) >= 0 &&
        (base64url_encode(again, bytes, (size_t)n) != size || memcmp(again, data, size) != 0)) {
        abort();
    }
    free(bytes);
    free(again);
    return 0;
}

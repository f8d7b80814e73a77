/* The key of an external account binding: within bounds, and nothing of it in an error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/eab_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t key[LIMIT_EAB_KEY];
    struct err err = {0};
    int ret = eab_key_parse(key, (const char *)data, size, &err);

    if (ret > LIMIT_EAB_KEY || (ret >= 0 && ret < EAB_KEY_MIN) || (ret < 0) != (err.code != 0))
        abort();
    for (size_t i = 0; ret < 0 && i < sizeof(key); i++) {
        if (key[i] != 0)
            abort();
    }
    return 0;
}

/* The file of old keys: parsed, and written again as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/keyhistory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keyhistory history, again;
    struct err err = {0};
    size_t len, again_len;
    if (keyhistory_parse(&history, (const char *)data, size, &err) < 0) {
        return 0;
    }
    char *text = keyhistory_text(&history, &len);
    if (text == NULL || keyhistory_parse(&again, text, len, &err) < 0 ||
        again.count != history.count) {
        abort();
    }
    char *same = keyhistory_text(&again, &again_len);
    if (same == NULL || again_len != len || memcmp(text, same, len) != 0) {
        abort();
    }
    if (history.count > 0) {
        const struct keyhistory_key *first = &history.keys[0];
        if (keyhistory_put(&again, 5, KEYHISTORY_REPLACED, first->spki, first->len) < 0 ||
            again.count > history.count) {
            abort();
        }
    }
    free(same);
    free(text);
    keyhistory_clear(&again);
    keyhistory_clear(&history);
    return 0;
}

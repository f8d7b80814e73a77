/*
 * Names: foreign octets as wire form and as text; what is taken must come back the same.
 */
#include <stdlib.h>
#include <string.h>

#include "zones/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void round_trip(const uint8_t *wire, size_t len)
{
    uint8_t again[LIMIT_NAME_WIRE], lower[LIMIT_NAME_WIRE], key[NAME_KEY_MAX], other[NAME_KEY_MAX];
    char text[LIMIT_NAME_TEXT];

    check(name_len(wire) == len);
    name_to_text(text, wire);
    check(strlen(text) < sizeof(text));
    check(name_from_text(again, text) == (int)len && memcmp(wire, again, len) == 0);
    check(name_lower(lower, wire) == len && name_equal(lower, wire));
    check(name_within(wire, lower) && name_measure(lower, len) == (int)len);
    size_t key_len = name_key(key, wire);
    check(key_len <= sizeof(key) && name_key(other, lower) == key_len);
    check(memcmp(key, other, key_len) == 0);
    const uint8_t *parent = name_parent(wire);
    if (parent != NULL) {
        check(name_within(wire, parent) && !name_within(parent, wire));
        size_t parent_len = name_key(other, parent);
        check(parent_len < key_len && memcmp(key, other, parent_len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    int len = name_measure(data, size);

    if (len > 0) {
        round_trip(data, (size_t)len);
    }
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    len = name_from_text(wire, text);
    if (len > 0) {
        round_trip(wire, (size_t)len);
    }
    free(text);
    return 0;
}

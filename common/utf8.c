#include "common/utf8.h"

size_t utf8_decode(const char *bytes, size_t len, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)bytes[0];
    uint32_t v;
    size_t n;

    if (first < 0x80) {
        *point = first;
        return 1;
    }
    if ((first & 0xe0) == 0xc0) {
        n = 2;
    } else if ((first & 0xf0) == 0xe0) {
        n = 3;
    } else if ((first & 0xf8) == 0xf0) {
        n = 4;
    } else {
        return 0;
    }
    if (n > len) {
        return 0;
    }
    v = first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (((uint8_t)bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | ((uint8_t)bytes[i] & 0x3fu);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return 0;
    }
    *point = v;
    return n;
}

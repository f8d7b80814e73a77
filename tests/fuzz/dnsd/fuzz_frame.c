/*
 * A stream of octets cut into messages: each within the data, nothing passed over, and the same
 * messages whether the stream comes whole or octet by octet.
 */
#include <stdlib.h>

#include "dnsd/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whole = 0, single = 0, pos = 0, used;
    const uint8_t *message;

    while ((used = frame_next(data + pos, size - pos, &message)) > 0) {
        if (message != data + pos + FRAME_PREFIX || used > size - pos ||
            used != frame_need(data + pos, size - pos)) {
            abort();
        }
        pos += used;
        whole++;
    }
    if (frame_need(data + pos, size - pos) <= size - pos) {
        abort();
    }
    pos = 0;
    for (size_t end = 1; end <= size; end++) {
        if (frame_need(data + pos, end - pos) == end - pos) {
            if (frame_next(data + pos, end - pos, &message) != end - pos) {
                abort();
            }
            pos = end;
            single++;
        }
    }
    if (whole != single) {
        abort();
    }
    return 0;
}

/* What a server says about renewal: parsed, and what that makes of a certificate's life. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/due.h"
#include "client/renewal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t now = 1795225578;
    struct renewal renewal;
    struct err err = {0};
    if (renewal_parse(&renewal, (const char *)data, size, now, &err) < 0) {
        return 0;
    }
    if (renewal.next - now > 86400 || (renewal.window && renewal.end <= renewal.start) ||
        strlen(renewal.certificate) >= sizeof(renewal.certificate)) {
        abort();
    }
    struct due_wish wish = {.not_before = now,
                            .not_after = now + 86400,
                            .window = renewal.window,
                            .start = renewal.start,
                            .end = renewal.end};
    memcpy(wish.digest, data, size < sizeof(wish.digest) ? size : sizeof(wish.digest));
    if (due_when(&wish).at >= wish.not_after) {
        abort();
    }
    return 0;
}

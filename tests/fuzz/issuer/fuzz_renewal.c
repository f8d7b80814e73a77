/* Renewal information of a hostile CA: a window that is taken is one, and the next question is a
 * minute to a day away. */
#include <stdlib.h>
#include <string.h>

#include "issuer/renewal.h"

#define NOW INT64_C(1900000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t retry_after_ms = -1;
    struct renewal_window window;
    struct err err = {0};

    if (size >= sizeof retry_after_ms) {
        memcpy(&retry_after_ms, data + size - sizeof retry_after_ms, sizeof retry_after_ms);
    }
    if (renewal_parse(&window, (const char *)data, size, NOW, retry_after_ms, &err) < 0)
        return err.text[0] == '\0' ? abort(), 0 : 0;
    if (window.end < window.start || window.checked != NOW || window.next < NOW + 60 ||
        window.next > NOW + 86400 || strlen(window.explanation) >= sizeof window.explanation)
        abort();
    return 0;
}

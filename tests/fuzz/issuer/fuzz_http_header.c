/* Header fields of a hostile server, a line each. */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/http_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *pos = (const char *)data, *end = pos + size;
    struct http_fields fields;

    http_fields_init(&fields);
    while (pos < end) {
        const char *lf = memchr(pos, '\n', (size_t)(end - pos));
        const char *next = lf != NULL ? lf + 1 : end;
        if (http_fields_line(&fields, pos, (size_t)(next - pos), 1900000000) < 0)
            break;
        pos = next;
    }
    if (fields.nonce[0] != '\0' && !http_nonce_good(fields.nonce, strlen(fields.nonce)))
        abort();
    if (fields.location != NULL && !http_url_good(fields.location, strlen(fields.location)))
        abort();
    if (fields.retry_after_ms < -1 || fields.alternate_count > LIMIT_ALTERNATES)
        abort();
    http_fields_clear(&fields);
    return 0;
}

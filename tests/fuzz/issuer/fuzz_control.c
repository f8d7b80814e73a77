/* Request lines of control.sock. */
#include <stdint.h>
#include <stdlib.h>

#include "common/limits.h"
#include "issuer/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_request request;
    struct err err = {0};

    if (control_request_parse(&request, (const char *)data, size, &err) == 0) {
        if ((unsigned)request.op >= CONTROL_OPS || request.limit == 0 ||
            request.limit > LIMIT_ROWS) {
            abort();
        }
        control_request_clear(&request);
    } else if (err.text[0] == '\0' || request.json != NULL) {
        abort();
    }
    return 0;
}

/* Request lines of submit.sock. */
#include <stdint.h>
#include <stdlib.h>

#include "issuer/submit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct submit_request request;
    struct err err = {0};

    if (submit_request_parse(&request, (const char *)data, size, &err) == 0) {
        if ((unsigned)request.op >= SUBMIT_OPS) {
            abort();
        }
        submit_request_clear(&request);
    } else if (err.text[0] == '\0' || request.json != NULL) {
        abort();
    }
    return 0;
}

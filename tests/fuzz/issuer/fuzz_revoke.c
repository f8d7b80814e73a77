/* Requests to revoke from a hostile client: none is taken that the certificate's key has not
 * signed. */
#include <stdlib.h>

#include "issuer/revoke_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    int reason = -1;

    /* a time that no kept case has */
    if (revoke_proof_check((const char *)data, size, INT64_C(1900000000), &reason, &err) == 0)
        abort();
    if (err.code == 0 || err.text[0] == '\0')
        abort();
    return 0;
}

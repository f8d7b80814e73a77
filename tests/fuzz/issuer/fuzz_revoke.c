/* Requests to revoke from a hostile client, of both forms: none is taken that the certificate's key
 * has not signed. */
#include <stdlib.h>
#include <string.h>

#include "issuer/revoke_jws.h"
#include "issuer/revoke_proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct revoke_jws jws;
    int reason = -1;

    /* a time that no kept case has */
    if (revoke_proof_check((const char *)data, size, INT64_C(1900000000), &reason, &err) == 0)
        abort();
    if (err.code == 0 || err.text[0] == '\0')
        abort();
    err = (struct err){0};
    if (revoke_jws_check(&jws, (const char *)data, size, &err) < 0) {
        if (err.code == 0 || err.text[0] == '\0' || jws.text != NULL)
            abort();
        return 0;
    }
    /* the kept case that is well signed: what is posted is taken just so again */
    struct revoke_jws again;
    if (revoke_jws_check(&again, jws.text, strlen(jws.text), &err) < 0 ||
        strcmp(again.text, jws.text) != 0 || jws.pem == NULL || jws.url == NULL)
        abort();
    revoke_jws_clear(&again);
    revoke_jws_clear(&jws);
    return 0;
}

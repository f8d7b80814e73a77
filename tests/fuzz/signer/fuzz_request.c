/*
 * Messages of the issuer: decoded, checked and, where acceptable, signed.
 */
#include <stdlib.h>

#include "common/ipc.h"
#include "common/jwk.h"
#include "signer/jws.h"
#include "signer/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static char *jwk;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    struct err err;
    char *jws;

    if (key == NULL) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        if (jwk_of(key, &jwk, &err) < 0) {
            abort();
        }
    }
    if (request_decode(&request, data, size, &err) < 0 || request.type != IPC_SIGN_REQUEST) {
        return 0;
    }
    const struct jws_header header = {request.url, request.nonce, request.kid};
    /* what passed the check is well-formed, whatever it says */
    if (jws_make(key, jwk, &header, request.payload, request.payload_len, &jws, &err) < 0) {
        abort();
    }
    free(jws);
    return 0;
}

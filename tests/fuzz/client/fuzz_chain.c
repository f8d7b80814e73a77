/* What the server sends as a chain: parsed, checked, described and written again. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EVP_PKEY *key;
    static FILE *out;
    char name[] = "a.example", *names[] = {name}, *pem;
    struct chain chain;
    struct err err = {0};
    size_t len;
    if (key == NULL) {
        key = EVP_EC_gen("P-256");
        out = fopen("/dev/null", "w");
    }
    if (key == NULL || out == NULL || chain_parse(&chain, (const char *)data, size, &err) < 0) {
        return 0;
    }
    /* With its own key as the wish, so that the checks behind that one are reached. */
    EVP_PKEY *own = X509_get0_pubkey(chain.certs[0]);
    struct chain_wish wish = {
        .key = own != NULL ? own : key, .names = names, .count = 1, .now = 1795225578};
    chain_check(&chain, &wish, &err);
    chain_describe(chain.certs[0], wish.now, out);
    if (chain_pem(&chain, 0, chain.count, &pem, &len, &err) == 0) {
        struct chain again;
        if (len <= LIMIT_CHAIN_PEM && chain_parse(&again, pem, len, &err) < 0) {
            abort();
        }
        if (len <= LIMIT_CHAIN_PEM) {
            chain_clear(&again);
        }
        free(pem);
    }
    chain_clear(&chain);
    return 0;
}

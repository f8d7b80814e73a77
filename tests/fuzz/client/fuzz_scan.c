/*
 * A file that anybody may have put into a folder: read, and written again with a certificate of its
 * own. What is written reads the same, with the same key.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "client/scan_pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void rewrite(const struct scan_pem *pem, const char *text, size_t size)
{
    const struct chain chain = {.certs = {pem->certs[0]}, .count = 1};
    struct scan_pem again;
    struct err err = {0};
    char *out;
    size_t len;
    if (scan_pem_rewrite(&out, &len, text, size, &chain, SCAN_LEAF, &err) < 0) {
        return;
    }
    check(strlen(out) <= len && scan_pem_read(&again, out, len, &err) == 0);
    check(again.cert_count == 1 && X509_cmp(again.certs[0], pem->certs[0]) == 0);
    check((again.key != NULL) == (pem->key != NULL));
    check(again.key == NULL || EVP_PKEY_eq(again.key, pem->key) == 1);
    scan_pem_clear(&again);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scan_pem pem;
    struct err err = {0};
    if (scan_pem_read(&pem, (const char *)data, size, &err) < 0) {
        return 0;
    }
    check(pem.cert_count <= CHAIN_MAX);
    check(pem.key == NULL || pem.fault_code == 0);
    check((pem.fault_code != 0) == (pem.fault[0] != '\0'));
    if (pem.cert_count > 0) {
        rewrite(&pem, (const char *)data, size);
    }
    scan_pem_clear(&pem);
    return 0;
}

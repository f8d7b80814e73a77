/* CSRs and certificate chains as clients send them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/cert.h"
#include "issuer/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const char *text, size_t len)
{
    struct err err = {0};
    char *words = NULL, spki[65];
    struct csr csr;

    if (csr_parse(&csr, text, len, &err) == 0) {
        if (csr.count == 0 || csr_spki(spki, csr.der, csr.der_len) < 0) {
            abort();
        }
    } else if (err.text[0] == '\0' || strchr(err.text, '\n') != NULL) {
        abort();
    }
    csr_clear(&csr);
    (void)csr_describe(text, len, &words, &err);
    free(words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct err err = {0};
    char *words = NULL;
    struct cert cert;

    check_request(text, size);
    if (cert_parse(&cert, text, size, &err) == 0) {
        cert_clear(&cert);
    }
    (void)cert_describe(text, size, &words, &err);
    free(words);
    return 0;
}

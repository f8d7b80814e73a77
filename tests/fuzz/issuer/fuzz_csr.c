/* CSRs and certificate chains as clients send them. What begins like DER is put into PEM first, so
 * that the search gets past base64. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

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

static void check_chain(const char *text, size_t len)
{
    struct err err = {0};
    char *words = NULL;
    struct cert cert;

    if (cert_parse(&cert, text, len, &err) == 0) {
        cert_clear(&cert);
    }
    (void)cert_describe(text, len, &words, &err);
    free(words);
}

/* label's block around der; NULL where there is no memory. */
static char *wrap(const char *label, const uint8_t *der, size_t len)
{
    char *base64 = malloc(len / 3 * 4 + 8), *text = NULL;

    if (base64 != NULL) {
        (void)EVP_EncodeBlock((unsigned char *)base64, der, (int)len);
        if (asprintf(&text, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, base64, label) <
            0) {
            text = NULL;
        }
    }
    free(base64);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && size < 40000 && data[0] == 0x30) {
        char *request = wrap("CERTIFICATE REQUEST", data, size);
        char *chain = wrap("CERTIFICATE", data, size);

        if (request != NULL && chain != NULL) {
            check_request(request, strlen(request));
            check_chain(chain, strlen(chain));
        }
        free(request);
        free(chain);
        return 0;
    }
    check_request((const char *)data, size);
    check_chain((const char *)data, size);
    return 0;
}

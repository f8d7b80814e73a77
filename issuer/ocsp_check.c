#include "issuer/ocsp_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "issuer/cert_chain.h"

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* The certificate of the chain that has signed the first one. */
static X509 *find_issuer(const STACK_OF(X509) * chain)
{
    X509 *leaf = sk_X509_value(chain, 0);

    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *other = sk_X509_value(chain, i);

        if (X509_check_issued(other, leaf) == X509_V_OK &&
            X509_verify(leaf, X509_get0_pubkey(other)) == 1) {
            return other;
        }
    }
    return NULL;
}

static int read_chain(STACK_OF(X509) * *chain, X509 **issuer, const char *pem, size_t len,
                      struct err *err)
{
    int ret = cert_chain_read(chain, pem, len, err);

    if (ret == 0 && (*issuer = find_issuer(*chain)) == NULL) {
        cert_chain_free(*chain);
        *chain = NULL;
        ret = err_set(err, ERR_NOT_FOUND,
                      "the chain does not hold the certificate's issuer, so that no OCSP response "
                      "can be asked for or checked");
    }
    ERR_clear_error();
    return ret;
}

/* -- the question -- */

int ocsp_check_request(uint8_t **der, size_t *der_len, const char *chain_pem, size_t len,
                       struct err *err)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    STACK_OF(X509) *chain = NULL;
    unsigned char *text = NULL;
    OCSP_CERTID *id = NULL;
    X509 *issuer = NULL;
    int ret, n = 0;

    *der = NULL;
    *der_len = 0;
    if ((ret = read_chain(&chain, &issuer, chain_pem, len, err)) < 0) {
        goto out;
    }
    id = OCSP_cert_to_id(EVP_sha1(), sk_X509_value(chain, 0), issuer);
    if (request == NULL || id == NULL || OCSP_request_add0_id(request, id) == NULL) {
        OCSP_CERTID_free(id);
        ret = out_of_memory(err);
        goto out;
    }
    n = i2d_OCSP_REQUEST(request, &text);
    if (n <= 0 || (*der = malloc((size_t)n)) == NULL) {
        ret = out_of_memory(err);
    } else {
        memcpy(*der, text, (size_t)n);
        *der_len = (size_t)n;
    }
out:
    OPENSSL_free(text);
    OCSP_REQUEST_free(request);
    cert_chain_free(chain);
    ERR_clear_error();
    return ret;
}

/* -- the answer -- */

int ocsp_check_response(struct ocsp_verdict *out, const char *chain_pem, size_t len,
                        const uint8_t *der, size_t der_len, int64_t now, struct err *err)
{
    STACK_OF(X509) *chain = NULL;
    X509 *issuer = NULL;
    int ret = read_chain(&chain, &issuer, chain_pem, len, err);

    memset(out, 0, sizeof *out);
    if (ret == 0) {
        ret = ocsp_response_check(out, sk_X509_value(chain, 0), issuer, der, der_len, now, err);
    }
    cert_chain_free(chain);
    return ret;
}

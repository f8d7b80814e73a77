#include "issuer/cert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "issuer/cert_chain.h"

/* Clocks differ; a response this much early or late still counts. */
#define SKEW_S 300

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory while making an OCSP request");
}

/* The chain, and in it the issuer of the leaf. */
static int read_pair(STACK_OF(X509) * *chain, X509 **leaf, X509 **issuer, const char *pem,
                     size_t len, struct err *err)
{
    int ret = cert_chain_read(chain, pem, len, err);

    if (ret < 0)
        return ret;
    *leaf = sk_X509_value(*chain, 0);
    for (int i = 1; i < sk_X509_num(*chain); i++) {
        *issuer = sk_X509_value(*chain, i);
        if (X509_check_issued(*issuer, *leaf) == X509_V_OK)
            return 0;
    }
    cert_chain_free(*chain);
    return err_set(err, ERR_MALFORMED,
                   "the chain does not hold the issuer of its first certificate: send leaf and "
                   "issuers");
}

int cert_ocsp_request(const char *pem, size_t len, uint8_t **der, size_t *der_len, struct err *err)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    STACK_OF(X509) * chain;
    OCSP_CERTID *id;
    X509 *leaf, *issuer;
    unsigned char *data = NULL;
    int ret, size;

    *der = NULL;
    if ((ret = read_pair(&chain, &leaf, &issuer, pem, len, err)) < 0)
        goto err0;
    /* SHA-1 here is RFC 5019's choice of a name for the issuer, not a signature */
    id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    if (request == NULL || id == NULL || OCSP_request_add0_id(request, id) == NULL) {
        OCSP_CERTID_free(id);
        ret = out_of_memory(err);
        goto err1;
    }
    size = i2d_OCSP_REQUEST(request, &data);
    if (size <= 0 || (*der = malloc((size_t)size)) == NULL) {
        ret = out_of_memory(err);
        goto err2;
    }
    memcpy(*der, data, (size_t)size);
    *der_len = (size_t)size;
err2:
    OPENSSL_free(data);
err1:
    cert_chain_free(chain);
err0:
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    return ret;
}

static int check_single(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now,
                        struct err *err)
{
    ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    time_t early = (time_t)now + SKEW_S, late = (time_t)now - SKEW_S;
    int status, found;

    if (id == NULL)
        return out_of_memory(err);
    found = OCSP_resp_find_status(basic, id, &status, NULL, NULL, &this_update, &next_update);
    OCSP_CERTID_free(id);
    if (found != 1)
        return err_set(err, ERR_CA, "the OCSP response is about another certificate");
    if (this_update == NULL || X509_cmp_time(this_update, &early) >= 0)
        return err_set(err, ERR_CA, "the OCSP response is not valid yet");
    if (next_update != NULL && X509_cmp_time(next_update, &late) <= 0)
        return err_set(err, ERR_CA, "the OCSP response has expired");
    return 0;
}

/* Only the issuer is trusted; whom it lets sign comes with the response. */
static int check_signature(OCSP_BASICRESP *basic, X509 *issuer, struct err *err)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    X509_STORE *trust = X509_STORE_new();
    int ret = 0;

    if (trust == NULL || issuers == NULL || X509_STORE_add_cert(trust, issuer) != 1 ||
        sk_X509_push(issuers, issuer) == 0) {
        ret = out_of_memory(err);
    } else {
        (void)X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN);
        if (OCSP_basic_verify(basic, issuers, trust, 0) != 1)
            ret = err_set(err, ERR_CA, "the signature of the OCSP response does not verify");
    }
    sk_X509_free(issuers);
    X509_STORE_free(trust);
    return ret;
}

int cert_ocsp_check(const char *pem, size_t len, const uint8_t *der, size_t der_len, int64_t now,
                    struct err *err)
{
    const unsigned char *pos = der;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &pos, (long)der_len);
    OCSP_BASICRESP *basic = NULL;
    STACK_OF(X509) *chain = NULL;
    X509 *leaf, *issuer;
    int ret, status;

    if (response == NULL || pos != der + der_len) {
        ret = err_set(err, ERR_CA, "the responder's answer is not an OCSP response");
        goto end;
    }
    if ((status = OCSP_response_status(response)) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        ret = err_set(err, ERR_CA, "the OCSP responder refused: %s",
                      OCSP_response_status_str(status));
        goto end;
    }
    if ((basic = OCSP_response_get1_basic(response)) == NULL) {
        ret = err_set(err, ERR_CA, "the OCSP response is of an unknown kind");
        goto end;
    }
    if ((ret = read_pair(&chain, &leaf, &issuer, pem, len, err)) < 0)
        goto end;
    if ((ret = check_signature(basic, issuer, err)) == 0)
        ret = check_single(basic, leaf, issuer, now, err);
    cert_chain_free(chain);
end:
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return ret;
}

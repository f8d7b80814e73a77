#include "issuer/ocsp_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>

#include "common/limits.h"
#include "issuer/cert_chain.h"
#include "issuer/x509_text.h"

#define DAY 86400 /* an answer that names no end is not older */

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

static int no_answer(struct err *err, const char *why)
{
    return err_set(err, ERR_PROTOCOL, "the responder's answer is no good OCSP response: %s", why);
}

static int check_state(const OCSP_RESPONSE *response, struct err *err)
{
    int state = OCSP_response_status((OCSP_RESPONSE *)(uintptr_t)response);

    switch (state) {
    case OCSP_RESPONSE_STATUS_SUCCESSFUL:
        return 0;
    case OCSP_RESPONSE_STATUS_TRYLATER:
    case OCSP_RESPONSE_STATUS_INTERNALERROR:
        return err_set(err, ERR_UNAVAILABLE, "the responder says: %s",
                       OCSP_response_status_str(state));
    default:
        return err_set(err, ERR_CA, "the responder says: %s", OCSP_response_status_str(state));
    }
}

static bool weak(const OCSP_BASICRESP *basic)
{
    const ASN1_OBJECT *algorithm;
    int digest = NID_undef;

    X509_ALGOR_get0(&algorithm, NULL, NULL, OCSP_resp_get0_tbs_sigalg(basic));
    (void)OBJ_find_sigid_algs(OBJ_obj2nid(algorithm), &digest, NULL);
    return digest == NID_sha1 || digest == NID_md5 || digest == NID_md4 || digest == NID_md2;
}

/* The issuer alone is trusted, whoever has issued it; whom it made a responder comes with the
 * answer (RFC 6960 4.2.2.2). */
static int check_signature(OCSP_BASICRESP *basic, X509 *issuer, int64_t now, struct err *err)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    X509_STORE *trust = X509_STORE_new();
    int ret = 0;

    if (issuers == NULL || trust == NULL || sk_X509_push(issuers, issuer) == 0 ||
        X509_STORE_add_cert(trust, issuer) != 1) {
        ret = out_of_memory(err);
        goto out;
    }
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(trust), (time_t)now);
    if (weak(basic)) {
        ret = no_answer(err, "it is signed with SHA-1 or MD5");
    } else if (OCSP_basic_verify(basic, issuers, trust, OCSP_PARTIAL_CHAIN | OCSP_NOEXPLICIT) !=
               1) {
        ret = no_answer(err, "it is not signed by the certificate's issuer, nor by a responder "
                             "that the issuer has appointed");
    }
out:
    X509_STORE_free(trust);
    sk_X509_free(issuers);
    return ret;
}

static int check_times(const struct ocsp_verdict *verdict, bool has_next, int64_t now,
                       struct err *err)
{
    if (verdict->this_update == INT64_MIN || verdict->next_update == INT64_MIN ||
        (has_next && verdict->next_update < verdict->this_update)) {
        return no_answer(err, "its times cannot be read");
    }
    if (verdict->this_update > now + LIMIT_OCSP_SKEW) {
        return no_answer(err, "it is of a time to come (is a clock wrong?)");
    }
    if ((has_next ? verdict->next_update : verdict->this_update + DAY) < now - LIMIT_OCSP_SKEW) {
        return no_answer(err, "it is out of date");
    }
    return 0;
}

static int read_status(struct ocsp_verdict *out, OCSP_BASICRESP *basic, const OCSP_CERTID *id,
                       int64_t now, struct err *err)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
    int at = OCSP_resp_find(basic, (OCSP_CERTID *)(uintptr_t)id, -1), reason = 0, state, ret;

    if (at < 0) {
        return no_answer(err, "it is about another certificate");
    }
    state = OCSP_single_get0_status(OCSP_resp_get0(basic, at), &reason, &revoked, &this_update,
                                    &next_update);
    out->this_update = x509_text_time(this_update);
    out->next_update = next_update != NULL ? x509_text_time(next_update) : 0;
    if ((ret = check_times(out, next_update != NULL, now, err)) < 0) {
        return ret;
    }
    if (state == V_OCSP_CERTSTATUS_GOOD) {
        return 0;
    }
    if (state != V_OCSP_CERTSTATUS_REVOKED) {
        return err_set(err, ERR_CA, "the responder does not know the certificate (yet)");
    }
    out->revoked = x509_text_time(revoked);
    out->reason = reason > 0 ? reason : 0;
    return out->revoked > 0 ? 0 : no_answer(err, "its times cannot be read");
}

static int check_basic(struct ocsp_verdict *out, const OCSP_RESPONSE *response,
                       const STACK_OF(X509) * chain, X509 *issuer, int64_t now, struct err *err)
{
    OCSP_BASICRESP *basic = OCSP_response_get1_basic((OCSP_RESPONSE *)(uintptr_t)response);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), sk_X509_value(chain, 0), issuer);
    int ret;

    if (id == NULL) {
        ret = out_of_memory(err);
    } else if (basic == NULL) {
        ret = no_answer(err, "it holds nothing that is known");
    } else if ((ret = check_signature(basic, issuer, now, err)) == 0) {
        ret = read_status(out, basic, id, now, err);
    }
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    return ret;
}

int ocsp_check_response(struct ocsp_verdict *out, const char *chain_pem, size_t len,
                        const uint8_t *der, size_t der_len, int64_t now, struct err *err)
{
    OCSP_RESPONSE *response = NULL;
    STACK_OF(X509) *chain = NULL;
    const uint8_t *pos = der;
    X509 *issuer = NULL;
    int ret = read_chain(&chain, &issuer, chain_pem, len, err);

    memset(out, 0, sizeof *out);
    if (ret < 0) {
        return ret;
    }
    if (der_len <= LIMIT_OCSP) {
        response = d2i_OCSP_RESPONSE(NULL, &pos, (long)der_len);
    }
    if (response == NULL || pos != der + der_len) {
        ret = no_answer(err, "it is not one OCSP response in DER form");
    } else if ((ret = check_state(response, err)) == 0) {
        ret = check_basic(out, response, chain, issuer, now, err);
    }
    if (ret < 0) {
        memset(out, 0, sizeof *out);
    }
    OCSP_RESPONSE_free(response);
    cert_chain_free(chain);
    ERR_clear_error();
    return ret;
}

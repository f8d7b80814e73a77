#include "common/ocsp_response.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>

#include "common/limits.h"

#define DAY 86400 /* an answer that names no end is not older */

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;
    return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : INT64_MIN;
}

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
    out->this_update = seconds_of(this_update);
    out->next_update = next_update != NULL ? seconds_of(next_update) : 0;
    if ((ret = check_times(out, next_update != NULL, now, err)) < 0) {
        return ret;
    }
    if (state == V_OCSP_CERTSTATUS_GOOD) {
        return 0;
    }
    if (state != V_OCSP_CERTSTATUS_REVOKED) {
        return err_set(err, ERR_CA, "the responder does not know the certificate (yet)");
    }
    out->revoked = seconds_of(revoked);
    out->reason = reason > 0 ? reason : 0;
    return out->revoked > 0 ? 0 : no_answer(err, "its times cannot be read");
}

static int check_basic(struct ocsp_verdict *out, const OCSP_RESPONSE *response, X509 *leaf,
                       X509 *issuer, int64_t now, struct err *err)
{
    OCSP_BASICRESP *basic = OCSP_response_get1_basic((OCSP_RESPONSE *)(uintptr_t)response);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
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

int ocsp_response_check(struct ocsp_verdict *out, X509 *leaf, X509 *issuer, const uint8_t *der,
                        size_t der_len, int64_t now, struct err *err)
{
    OCSP_RESPONSE *response = NULL;
    const uint8_t *pos = der;
    int ret;

    memset(out, 0, sizeof *out);
    if (der_len <= LIMIT_OCSP) {
        response = d2i_OCSP_RESPONSE(NULL, &pos, (long)der_len);
    }
    if (response == NULL || pos != der + der_len) {
        ret = no_answer(err, "it is not one OCSP response in DER form");
    } else if ((ret = check_state(response, err)) == 0) {
        ret = check_basic(out, response, leaf, issuer, now, err);
    }
    if (ret < 0) {
        memset(out, 0, sizeof *out);
    }
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return ret;
}

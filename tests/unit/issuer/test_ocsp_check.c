/* OCSP (RFC 6960): what is asked, and which answers are none. */
#include "issuer/ocsp_check.h"

#include <CUnit/Basic.h>

#include "common/limits.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ocsp_answers.h"

static int judge_der(const struct small_ca *ca, const uint8_t *der, size_t len,
                     struct ocsp_verdict *verdict, struct err *err)
{
    *err = (struct err){0};
    return ocsp_check_response(verdict, ca->chain, strlen(ca->chain), der, len, ca->now, err);
}

static int judge(const struct small_ca *ca, const struct ocsp_spec *spec, const char *words)
{
    struct ocsp_verdict verdict;
    struct err err = {0};
    size_t len;
    uint8_t *der = ocsp_answer(ca, spec, &len);
    int ret = judge_der(ca, der, len, &verdict, &err);

    if (strstr(err.text, words) == NULL)
        (void)fprintf(stderr, "%s\n", err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
    CU_ASSERT_EQUAL(ret < 0, verdict.this_update == 0);
    free(der);
    return ret;
}

/* RFC 6960 4.1.1, RFC 5019 2.1.1 */
static void test_request(void)
{
    struct small_ca ca;
    struct err err = {0};
    uint8_t *der;
    size_t len;

    small_ca_set_up(&ca, "http://ocsp.example/");
    CU_ASSERT_EQUAL_FATAL(ocsp_check_request(&der, &len, ca.chain, strlen(ca.chain), &err), 0);
    const unsigned char *pos = der;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &pos, (long)len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(request);
    CU_ASSERT_PTR_EQUAL(pos, der + len);
    CU_ASSERT_EQUAL(OCSP_request_onereq_count(request), 1);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), ca.leaf, ca.cert);
    CU_ASSERT_EQUAL(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), id), 0);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    free(der);
    char *alone = small_ca_pem(ca.leaf, NULL);
    CU_ASSERT_EQUAL(ocsp_check_request(&der, &len, alone, strlen(alone), &err), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(der);
    CU_ASSERT_EQUAL(ocsp_check_request(&der, &len, "x", 1, &err), ERR_MALFORMED);
    free(alone);
    small_ca_tear_down(&ca);
}

static void test_good(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct ocsp_verdict verdict;
    struct small_ca ca;
    struct err err;
    size_t len;

    small_ca_set_up(&ca, NULL);
    uint8_t *der = ocsp_answer(&ca, &spec, &len);
    CU_ASSERT_EQUAL(judge_der(&ca, der, len, &verdict, &err), 0);
    CU_ASSERT(verdict.this_update == SMALL_CA_NOW - 86400 &&
              verdict.next_update == SMALL_CA_NOW + 6 * 86400 && verdict.revoked == 0);
    free(der);
    spec.without_certs = true;
    CU_ASSERT_EQUAL(judge(&ca, &spec, ""), 0);
    spec.status = V_OCSP_CERTSTATUS_REVOKED;
    spec.revoked = SMALL_CA_NOW - 100000;
    spec.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
    der = ocsp_answer(&ca, &spec, &len);
    CU_ASSERT_EQUAL(judge_der(&ca, der, len, &verdict, &err), 0);
    CU_ASSERT(verdict.revoked == SMALL_CA_NOW - 100000 && verdict.reason == 1);
    free(der);
    spec.reason = -1;
    der = ocsp_answer(&ca, &spec, &len);
    CU_ASSERT_EQUAL(judge_der(&ca, der, len, &verdict, &err), 0);
    CU_ASSERT_EQUAL(verdict.reason, 0);
    free(der);
    small_ca_tear_down(&ca);
}

/* RFC 6960 4.2.2.2: who may answer for the issuer. */
static void test_signers(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    EVP_PKEY *key = key_ec("P-256"), *foreign_key = key_ec("P-256");
    X509 *foreign = small_ca_issue(&(struct small_ca_spec){
        .cn = "Small CA", .serial = 1, .issuer_key = foreign_key, .key = foreign_key});
    struct small_ca_spec responder = {.cn = "responder",
                                      .eku = "OCSPSigning",
                                      .serial = 7,
                                      .issuer = ca.cert,
                                      .issuer_key = ca.key,
                                      .key = key};
    spec.signer_key = key;
    spec.signer = small_ca_issue(&responder);
    CU_ASSERT_EQUAL(judge(&ca, &spec, ""), 0);
    spec.without_certs = true;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    spec.without_certs = false;
    X509_free(spec.signer);
    responder.eku = "serverAuth";
    spec.signer = small_ca_issue(&responder);
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    X509_free(spec.signer);
    responder.eku = NULL;
    spec.signer = small_ca_issue(&responder);
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    X509_free(spec.signer);
    responder.eku = "OCSPSigning";
    responder.issuer = foreign;
    responder.issuer_key = foreign_key;
    spec.signer = small_ca_issue(&responder);
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    X509_free(spec.signer);
    spec.signer = foreign; /* of the issuer's name */
    spec.signer_key = foreign_key;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    spec = ocsp_good();
    spec.signer = ca.leaf;
    spec.signer_key = ca.leaf_key;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    spec = ocsp_good();
    spec.digest = EVP_sha1();
    CU_ASSERT_EQUAL(judge(&ca, &spec, "SHA-1"), ERR_PROTOCOL);
    X509_free(foreign);
    EVP_PKEY_free(foreign_key);
    EVP_PKEY_free(key);
    small_ca_tear_down(&ca);
}

/* A responder's certificate counts as long as it is valid, by our clock. */
static void test_expired_signer(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    EVP_PKEY *key = key_ec("P-256");
    spec.signer_key = key;
    spec.signer = small_ca_issue(&(struct small_ca_spec){.cn = "responder",
                                                         .eku = "OCSPSigning",
                                                         .serial = 7,
                                                         .issuer = ca.cert,
                                                         .issuer_key = ca.key,
                                                         .key = key});
    ca.now = SMALL_CA_NOW + 91 * 86400;
    spec.this_update = ca.now;
    spec.next_update = ca.now + 86400;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "not signed by"), ERR_PROTOCOL);
    X509_free(spec.signer);
    EVP_PKEY_free(key);
    small_ca_tear_down(&ca);
}

/* RFC 6960 3.2: about this certificate, and of these days. */
static void test_other(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    spec.subject = ca.cert;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "another certificate"), ERR_PROTOCOL);
    spec.subject = NULL;
    spec.id_digest = EVP_sha256();
    CU_ASSERT_EQUAL(judge(&ca, &spec, "another certificate"), ERR_PROTOCOL);
    spec = ocsp_good();
    spec.status = V_OCSP_CERTSTATUS_UNKNOWN;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "does not know"), ERR_CA);
    spec = ocsp_good();
    spec.state = OCSP_RESPONSE_STATUS_TRYLATER;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "trylater"), ERR_UNAVAILABLE);
    spec.state = OCSP_RESPONSE_STATUS_INTERNALERROR;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "internalerror"), ERR_UNAVAILABLE);
    spec.state = OCSP_RESPONSE_STATUS_UNAUTHORIZED;
    CU_ASSERT_EQUAL(judge(&ca, &spec, "unauthorized"), ERR_CA);
    small_ca_tear_down(&ca);
}

/* RFC 6960 4.2.2.1, with LIMIT_OCSP_SKEW for clocks. */
static void test_times(void)
{
    struct small_ca ca;

    small_ca_set_up(&ca, NULL);
    const struct {
        int64_t this_update, next_update;
        int ret;
        const char *words;
    } cases[] = {
        {ca.now, ca.now, 0, ""},
        {ca.now + LIMIT_OCSP_SKEW, ca.now + 86400, 0, ""},
        {ca.now + LIMIT_OCSP_SKEW + 1, ca.now + 86400, ERR_PROTOCOL, "to come"},
        {ca.now - 86400, ca.now - LIMIT_OCSP_SKEW, 0, ""},
        {ca.now - 86400, ca.now - LIMIT_OCSP_SKEW - 1, ERR_PROTOCOL, "out of date"},
        {ca.now - 86400 - LIMIT_OCSP_SKEW, 0, 0, ""},
        {ca.now - 86400 - LIMIT_OCSP_SKEW - 1, 0, ERR_PROTOCOL, "out of date"},
        {ca.now, ca.now - 1, ERR_PROTOCOL, "times cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ocsp_spec spec = ocsp_good();

        spec.this_update = cases[i].this_update;
        spec.next_update = cases[i].next_update;
        CU_ASSERT_EQUAL(judge(&ca, &spec, cases[i].words), cases[i].ret);
    }
    small_ca_tear_down(&ca);
}

/* Each octet wrong, each length: never taken, never a crash. */
static void test_garbage(void)
{
    struct ocsp_spec spec = ocsp_good();
    struct ocsp_verdict verdict;
    struct small_ca ca;
    struct err err;
    size_t len;

    small_ca_set_up(&ca, NULL);
    spec.without_certs = true;
    uint8_t *der = ocsp_answer(&ca, &spec, &len);
    for (size_t i = 0; i < len; i++) {
        CU_ASSERT_EQUAL(judge_der(&ca, der, i, &verdict, &err), ERR_PROTOCOL);
    }
    CU_ASSERT_EQUAL(judge_der(&ca, der, len + 1, &verdict, &err), ERR_PROTOCOL);
    for (size_t i = 0; i < len; i++) {
        der[i] ^= 0x10;
        CU_ASSERT(judge_der(&ca, der, len, &verdict, &err) < 0);
        der[i] ^= 0x10;
    }
    CU_ASSERT_EQUAL(judge_der(&ca, der, len, &verdict, &err), 0);
    CU_ASSERT_EQUAL(judge_der(&ca, (const uint8_t *)"<html>", 6, &verdict, &err), ERR_PROTOCOL);
    free(der);
    der = calloc(1, LIMIT_OCSP + 1);
    CU_ASSERT_EQUAL(judge_der(&ca, der, LIMIT_OCSP + 1, &verdict, &err), ERR_PROTOCOL);
    CU_ASSERT_EQUAL(ocsp_check_response(&verdict, "x", 1, der, 1, ca.now, &err), ERR_MALFORMED);
    free(der);
    small_ca_tear_down(&ca);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"RFC 5019 2.1.1: request", test_request},
        {"RFC 6960 4.2.1: good and revoked", test_good},
        {"RFC 6960 4.2.2.2: authorized responders", test_signers},
        {"RFC 6960 4.2.2.2: a responder's time is over", test_expired_signer},
        {"RFC 6960 3.2, 2.3: other answers", test_other},
        {"RFC 6960 4.2.2.1: times", test_times},
        {"garbage", test_garbage},
    };
    return RUN("ocsp_check", tests);
}

/*
 * OCSP responses of every kind, good and bad, made while a test runs.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_OCSP_ANSWERS_H
#define CERTMILL_TESTS_UNIT_ISSUER_OCSP_ANSWERS_H

#include <openssl/ocsp.h>

#include "tests/unit/issuer/small_ca.h"

struct ocsp_spec {
    int state;                                 /* of the response, 0: successful */
    int status;                                /* V_OCSP_CERTSTATUS_... */
    int reason;                                /* -1: none */
    int64_t this_update, next_update, revoked; /* next_update 0: none */
    X509 *subject;                             /* NULL: the CA's leaf */
    X509 *signer;                              /* NULL: the CA itself */
    EVP_PKEY *signer_key;
    const EVP_MD *digest;    /* NULL: SHA-256 */
    const EVP_MD *id_digest; /* NULL: SHA-1 */
    bool without_certs;
};

static inline ASN1_TIME *ocsp_time(int64_t at)
{
    return at != 0 ? ASN1_GENERALIZEDTIME_set(NULL, at) : NULL;
}

static inline OCSP_BASICRESP *ocsp_basic(const struct small_ca *ca, const struct ocsp_spec *spec)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(spec->id_digest != NULL ? spec->id_digest : EVP_sha1(),
                                      spec->subject != NULL ? spec->subject : ca->leaf, ca->cert);
    ASN1_TIME *this_update = ocsp_time(spec->this_update);
    ASN1_TIME *next_update = ocsp_time(spec->next_update), *revoked = ocsp_time(spec->revoked);

    CU_ASSERT_PTR_NOT_NULL_FATAL(OCSP_basic_add1_status(basic, id, spec->status, spec->reason,
                                                        revoked, this_update, next_update));
    CU_ASSERT_EQUAL_FATAL(OCSP_basic_sign(basic, spec->signer != NULL ? spec->signer : ca->cert,
                                          spec->signer != NULL ? spec->signer_key : ca->key,
                                          spec->digest != NULL ? spec->digest : EVP_sha256(), NULL,
                                          spec->without_certs ? OCSP_NOCERTS : 0),
                          1);
    ASN1_TIME_free(revoked);
    ASN1_TIME_free(next_update);
    ASN1_TIME_free(this_update);
    OCSP_CERTID_free(id);
    return basic;
}

/* DER, of *len octets, malloc'd. */
static inline uint8_t *ocsp_answer(const struct small_ca *ca, const struct ocsp_spec *spec,
                                   size_t *len)
{
    OCSP_BASICRESP *basic = ocsp_basic(ca, spec);
    OCSP_RESPONSE *response = OCSP_response_create(spec->state, spec->state == 0 ? basic : NULL);
    unsigned char *der = NULL;
    int n = i2d_OCSP_RESPONSE(response, &der);
    uint8_t *copy = malloc((size_t)n + 8);

    memcpy(copy, der, (size_t)n);
    memset(copy + n, 0, 8);
    *len = (size_t)n;
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    return copy;
}

/* Good, for a week since a day ago. */
static inline struct ocsp_spec ocsp_good(void)
{
    return (struct ocsp_spec){.status = V_OCSP_CERTSTATUS_GOOD,
                              .reason = -1,
                              .this_update = SMALL_CA_NOW - 86400,
                              .next_update = SMALL_CA_NOW + 6 * 86400};
}

#endif

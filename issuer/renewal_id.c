#include "issuer/renewal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include "common/encode.h"
#include "issuer/cert_chain.h"

/* Octets of either half so that both, as base64url with a dot and NUL, fit. */
#define HALF 46
static_assert(2 * BASE64URL_LEN(HALF) + 2 <= LIMIT_CERT_ID, "an identifier has room");

/* The contents octets of the serial's DER form: an octet 0 before a high bit belongs to it. */
static int encode_serial(char *dst, const ASN1_INTEGER *serial, struct err *err)
{
    unsigned char *der = NULL;
    const unsigned char *pos;
    int len = i2d_ASN1_INTEGER(serial, &der), tag, class;
    long contents = 0;

    if (len <= 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    pos = der;
    if (ASN1_get_object(&pos, &contents, &tag, &class, len) != 0 || contents <= 0 ||
        contents > HALF) {
        OPENSSL_free(der);
        return err_set(err, ERR_LIMIT, "the certificate's serial number has more than %d octets",
                       HALF);
    }
    (void)base64url_encode(dst, pos, (size_t)contents);
    OPENSSL_free(der);
    return 0;
}

static int encode(char dst[static LIMIT_CERT_ID], X509 *leaf, struct err *err)
{
    const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(leaf);
    int len = aki != NULL ? ASN1_STRING_length(aki) : 0;

    if (len <= 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "the certificate has no authority key identifier, so it has no identifier "
                       "for renewal information (RFC 9773)");
    }
    if (len > HALF) {
        return err_set(err, ERR_LIMIT,
                       "the certificate's authority key identifier has more than %d octets", HALF);
    }
    size_t at = base64url_encode(dst, ASN1_STRING_get0_data(aki), (size_t)len);
    dst[at++] = '.';
    return encode_serial(dst + at, X509_get0_serialNumber(leaf), err);
}

int renewal_cert_id(char dst[static LIMIT_CERT_ID], const char *pem, size_t len, struct err *err)
{
    STACK_OF(X509) *chain = NULL;
    int ret = cert_chain_read(&chain, pem, len, err);

    dst[0] = '\0';
    if (ret == 0 && (ret = encode(dst, sk_X509_value(chain, 0), err)) < 0) {
        dst[0] = '\0';
    }
    cert_chain_free(chain);
    return ret;
}

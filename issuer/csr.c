#include "issuer/csr.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/domainset.h"
#include "common/encode.h"
#include "common/limits.h"
#include "issuer/csr_pem.h"
#include "issuer/x509_text.h"

#define KEYS_PERMITTED "RSA of 2048 to 4096 bits and ECDSA P-256 or P-384 are"

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory while reading a certificate request");
}

/* -- the key -- */

static int judge_rsa(char type[static 16], EVP_PKEY *key, struct err *err)
{
    int bits = EVP_PKEY_get_bits(key);

    if (bits < 2048 || bits > 4096) {
        return err_set(err, ERR_RANGE,
                       "the key of the certificate request is RSA with %d bits, which is not "
                       "permitted; " KEYS_PERMITTED,
                       bits);
    }
    (void)snprintf(type, 16, "rsa-%d", bits);
    return 0;
}

static int judge_ec(char type[static 16], EVP_PKEY *key, struct err *err)
{
    char group[64] = "", encoding[32] = "";
    size_t len;

    (void)EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding,
                                         sizeof encoding, &len);
    if (strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) != 0) {
        return err_set(err, ERR_RANGE,
                       "the key of the certificate request spells its curve out instead of "
                       "naming it, which is not permitted; " KEYS_PERMITTED);
    }
    (void)EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                         &len);
    if (strcmp(group, SN_X9_62_prime256v1) == 0) {
        memcpy(type, "ecdsa-p256", sizeof "ecdsa-p256");
        return 0;
    }
    if (strcmp(group, SN_secp384r1) == 0) {
        memcpy(type, "ecdsa-p384", sizeof "ecdsa-p384");
        return 0;
    }
    return err_set(err, ERR_RANGE,
                   "the key of the certificate request is on the curve %s, which is not "
                   "permitted; " KEYS_PERMITTED,
                   strcmp(group, SN_secp521r1) == 0 ? "P-521" : group);
}

static int judge_key(char type[static 16], EVP_PKEY *key, struct err *err)
{
    const char *name;

    if (key == NULL) {
        return err_set(err, ERR_MALFORMED,
                       "the public key of the certificate request cannot be read; " KEYS_PERMITTED
                       " permitted");
    }
    if (EVP_PKEY_is_a(key, "RSA")) {
        return judge_rsa(type, key, err);
    }
    if (EVP_PKEY_is_a(key, "EC")) {
        return judge_ec(type, key, err);
    }
    name = EVP_PKEY_get0_type_name(key);
    return err_set(
        err, ERR_RANGE,
        "the key of the certificate request is of type %s, which is not permitted; " KEYS_PERMITTED,
        name != NULL ? name : "unknown");
}

/* -- the signature -- */

static bool strong_digest(int nid)
{
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

/* The CAs take these and no others; RSASSA-PSS is not among them. */
static int judge_signature(X509_REQ *req, EVP_PKEY *key, struct err *err)
{
    int nid = X509_REQ_get_signature_nid(req), digest = NID_undef;
    const char *name = OBJ_nid2ln(nid);

    if (OBJ_find_sigid_algs(nid, &digest, NULL) != 1 || !strong_digest(digest)) {
        return err_set(err, ERR_RANGE,
                       "the certificate request is signed with %s, which is not permitted; "
                       "SHA-256, SHA-384 and SHA-512 are",
                       nid != NID_undef && name != NULL ? name : "an unknown algorithm");
    }
    if (X509_REQ_verify(req, key) != 1) {
        return err_set(err, ERR_MALFORMED,
                       "the signature of the certificate request does not verify: it was changed "
                       "on the way, or made by another key");
    }
    return 0;
}

/* -- the names -- */

static int refuse_kind(const GENERAL_NAME *name, struct err *err)
{
    static const char *const kinds[] = {
        [GEN_OTHERNAME] = "another kind of name",
        [GEN_EMAIL] = "an e-mail address",
        [GEN_DNS] = "a DNS name",
        [GEN_X400] = "an X.400 address",
        [GEN_DIRNAME] = "a directory name",
        [GEN_EDIPARTY] = "an EDI party name",
        [GEN_URI] = "a URI",
        [GEN_IPADD] = "an IP address",
        [GEN_RID] = "a registered id",
    };
    size_t kind = (size_t)name->type;

    return err_set(err, ERR_RANGE,
                   "the certificate request asks for %s; only DNS names are permitted as "
                   "subjectAltName",
                   kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "an unknown kind of name");
}

/* Checks what OpenSSL leaves open, and normalizes. where: "subjectAltName" or so. */
static int read_name(char dst[static LIMIT_DOMAIN_TEXT + 1], const uint8_t *data, size_t len,
                     const char *where, struct err *err)
{
    char text[1024];
    int ret;

    if (memchr(data, '\0', len) != NULL) {
        return err_set(err, ERR_MALFORMED,
                       "a name in the %s of the certificate request holds a "
                       "NUL octet",
                       where);
    }
    if (len >= sizeof text) {
        return err_set(err, ERR_MALFORMED,
                       "a name in the %s of the certificate request has %zu octets; a domain "
                       "name has at most %d",
                       where, len, LIMIT_DOMAIN_TEXT);
    }
    memcpy(text, data, len);
    text[len] = '\0';
    /* the CA compares octets: what domain_normalize would forgive fails there, after the challenge
     */
    if (len > 0 && text[len - 1] == '.') {
        return err_set(err, ERR_MALFORMED,
                       "a name in the %s of the certificate request ends in a dot, which no "
                       "certificate has",
                       where);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] > 0x7f) {
            return err_set(err, ERR_MALFORMED,
                           "a name in the %s of the certificate request is not in ASCII; write "
                           "an international name in its xn-- form",
                           where);
        }
    }
    if ((ret = domain_normalize(dst, text, err)) < 0) {
        (void)err_prefix(err, "%s of the certificate request", where);
    }
    return ret;
}

static int add_name(struct csr *csr, const char *name)
{
    if ((csr->names[csr->count] = strdup(name)) == NULL) {
        return -ENOMEM;
    }
    csr->count++;
    return 0;
}

static int read_san(struct csr *csr, const GENERAL_NAMES *san, struct err *err)
{
    char text[LIMIT_DOMAIN_TEXT + 1];
    int count = sk_GENERAL_NAME_num(san), ret;

    if (count > LIMIT_NAMES) {
        return err_set(err, ERR_LIMIT,
                       "the certificate request asks for %d names; at most %d fit in one "
                       "certificate",
                       count, LIMIT_NAMES);
    }
    if (count > 0 && (csr->names = calloc((size_t)count, sizeof *csr->names)) == NULL) {
        return out_of_memory(err);
    }
    for (int i = 0; i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, i);

        if (name->type != GEN_DNS) {
            return refuse_kind(name, err);
        }
        if ((ret = read_name(text, ASN1_STRING_get0_data(name->d.dNSName),
                             (size_t)ASN1_STRING_length(name->d.dNSName), "subjectAltName", err)) <
            0) {
            return ret;
        }
        if (add_name(csr, text) < 0) {
            return out_of_memory(err);
        }
    }
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct csr *csr)
{
    size_t kept = 0;

    if (csr->count > 0) {
        qsort(csr->names, csr->count, sizeof *csr->names, compare_names);
    }
    for (size_t i = 0; i < csr->count; i++) {
        if (kept > 0 && strcmp(csr->names[kept - 1], csr->names[i]) == 0) {
            free(csr->names[i]);
        } else {
            csr->names[kept++] = csr->names[i];
        }
    }
    csr->count = kept;
}

/* One attribute with extensions, and one SAN in it: a second one would be for somebody else's eyes.
 */
static int judge_extensions(struct csr *csr, X509_REQ *req, struct err *err)
{
    int at = X509_REQ_get_attr_by_NID(req, NID_ext_req, -1), critical = -1, ret;
    STACK_OF(X509_EXTENSION) * extensions;
    GENERAL_NAMES *san;

    if (at >= 0 && X509_REQ_get_attr_by_NID(req, NID_ext_req, at) >= 0) {
        return err_set(err, ERR_MALFORMED,
                       "the certificate request has several lists of extensions");
    }
    extensions = X509_REQ_get_extensions(req);
    san = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    if (san != NULL) {
        ret = read_san(csr, san, err);
    } else if (critical == -2) {
        ret = err_set(err, ERR_MALFORMED,
                      "the certificate request has several subjectAltName extensions");
    } else if (critical >= 0) {
        ret = err_set(err, ERR_MALFORMED,
                      "the subjectAltName extension of the certificate request cannot be read");
    } else {
        ret = 0;
    }
    if (ret == 0 && csr->count == 0) {
        ret = err_set(err, ERR_MALFORMED,
                      "the certificate request names nothing: its subjectAltName extension is "
                      "missing or empty; a common name alone is not enough");
    }
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ret;
}

static int judge_common_name(const struct csr *csr, X509_REQ *req, struct err *err)
{
    const X509_NAME *subject = X509_REQ_get_subject_name(req);
    char text[LIMIT_DOMAIN_TEXT + 1];
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), len, ret;
    unsigned char *utf8 = NULL;

    if (at < 0) {
        return 0;
    }
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return err_set(err, ERR_MALFORMED,
                       "the certificate request has several common names (CN); at most one is "
                       "permitted");
    }
    len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len < 0) {
        return err_set(err, ERR_MALFORMED,
                       "the common name (CN) of the certificate request cannot be read");
    }
    ret = read_name(text, utf8, (size_t)len, "common name (CN)", err);
    OPENSSL_free(utf8);
    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < csr->count; i++) {
        if (strcmp(csr->names[i], text) == 0) {
            return 0;
        }
    }
    return err_set(err, ERR_MALFORMED,
                   "the common name (CN) %s of the certificate request is not among its "
                   "subjectAltNames",
                   text);
}

/* -- what else it asks for -- */

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_DIGEST_LENGTH);
}

static bool digest_extension(uint8_t dst[static SHA256_DIGEST_LENGTH], const X509_EXTENSION *ext)
{
    uint8_t *der = NULL;
    int len = i2d_X509_EXTENSION(ext, &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, dst, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

/* The digest of each one's digest, those sorted. */
static int digest_extensions(char dst[static 65], X509_REQ *req)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    int count = sk_X509_EXTENSION_num(extensions); /* -1: NULL */
    uint8_t all[SHA256_DIGEST_LENGTH], (*each)[SHA256_DIGEST_LENGTH];
    size_t kept = 0;
    bool ok = true;

    if ((each = calloc(count > 0 ? (size_t)count : 1, sizeof *each)) == NULL) {
        ok = false;
    }
    for (int i = 0; ok && i < count; i++) {
        X509_EXTENSION *ext = sk_X509_EXTENSION_value(extensions, i);

        if (OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_subject_alt_name) {
            ok = digest_extension(each[kept++], ext);
        }
    }
    if (ok) {
        qsort(each, kept, sizeof *each, compare_digests);
        ok = EVP_Digest(each, kept * sizeof *each, all, NULL, EVP_sha256(), NULL) == 1;
    }
    if (ok) {
        hex_encode(dst, all, sizeof all);
    }
    free(each);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok ? 0 : -ENOMEM;
}

/* -- the whole -- */

static int judge(struct csr *csr, X509_REQ *req, struct err *err)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    int ret;

    if (X509_REQ_get_version(req) != X509_REQ_VERSION_1) {
        return err_set(err, ERR_MALFORMED, "the certificate request has an unknown version");
    }
    /* the key first: verifying with a huge one would be work for nothing */
    if ((ret = judge_key(csr->key_type, key, err)) < 0 ||
        (ret = judge_signature(req, key, err)) < 0 || (ret = judge_extensions(csr, req, err)) < 0) {
        return ret;
    }
    sort_names(csr);
    if ((ret = judge_common_name(csr, req, err)) < 0) {
        return ret;
    }
    return x509_text_spki(csr->spki_sha256, X509_REQ_get_X509_PUBKEY(req)) < 0 ||
                   digest_extensions(csr->extensions_sha256, req) < 0
               ? out_of_memory(err)
               : 0;
}

static X509_REQ *read_der(const uint8_t *der, size_t len)
{
    const uint8_t *pos = der;
    X509_REQ *req = d2i_X509_REQ(NULL, &pos, (long)len);

    if (req != NULL && pos == der + len) {
        return req;
    }
    X509_REQ_free(req);
    return NULL;
}

static int read_pem(X509_REQ **req, uint8_t **der, size_t *der_len, const char *pem, size_t len,
                    struct err *err)
{
    int ret = csr_pem_decode(der, der_len, pem, len, err);

    if (ret < 0) {
        return ret;
    }
    if ((*req = read_der(*der, *der_len)) != NULL) {
        return 0;
    }
    free(*der);
    *der = NULL;
    return err_set(err, ERR_MALFORMED,
                   "the certificate request is damaged or truncated: what its text holds is not "
                   "a PKCS #10 request (RFC 2986)");
}

int csr_parse(struct csr *out, const char *pem, size_t len, struct err *err)
{
    X509_REQ *req;
    int ret;

    memset(out, 0, sizeof *out);
    if ((ret = read_pem(&req, &out->der, &out->der_len, pem, len, err)) < 0) {
        goto err0;
    }
    if ((ret = judge(out, req, err)) < 0) {
        goto err1;
    }
    X509_REQ_free(req);
    ERR_clear_error();
    return 0;
err1:
    X509_REQ_free(req);
err0:
    ERR_clear_error();
    csr_clear(out);
    return ret;
}

void csr_clear(struct csr *csr)
{
    for (size_t i = 0; i < csr->count; i++) {
        free(csr->names[i]);
    }
    free(csr->names);
    free(csr->der);
    memset(csr, 0, sizeof *csr);
}

int csr_spki(char dst[static 65], const uint8_t *der, size_t len)
{
    X509_REQ *req = read_der(der, len);
    int ret = req != NULL ? x509_text_spki(dst, X509_REQ_get_X509_PUBKEY(req)) : ERR_MALFORMED;

    X509_REQ_free(req);
    ERR_clear_error();
    return ret;
}

int csr_extensions(char dst[static 65], const uint8_t *der, size_t len)
{
    X509_REQ *req = read_der(der, len);
    int ret = req != NULL ? digest_extensions(dst, req) : ERR_MALFORMED;

    X509_REQ_free(req);
    ERR_clear_error();
    return ret;
}

int csr_describe(const char *pem, size_t len, char **text, struct err *err)
{
    struct err verdict = {0};
    struct csr csr;
    X509_REQ *req;
    uint8_t *der;
    size_t der_len, text_len;
    FILE *out;
    int ret, acceptable;

    *text = NULL;
    if ((ret = read_pem(&req, &der, &der_len, pem, len, err)) < 0) {
        return ret;
    }
    acceptable = csr_parse(&csr, pem, len, &verdict);
    if ((out = open_memstream(text, &text_len)) == NULL) {
        ret = out_of_memory(err);
        goto end;
    }
    x509_text_request(out, req);
    if (acceptable < 0) {
        (void)fprintf(out, "acceptable: no, %s\n", verdict.text);
    } else {
        (void)fprintf(out, "acceptable: yes\n");
    }
    if (fclose(out) != 0) {
        free(*text);
        *text = NULL;
        ret = out_of_memory(err);
    }
end:
    if (acceptable == 0) {
        csr_clear(&csr);
    }
    ERR_clear_error();
    X509_REQ_free(req);
    free(der);
    return ret;
}

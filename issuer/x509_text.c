#include "issuer/x509_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

int x509_text_spki(char dst[static 65], X509_PUBKEY *key)
{
    unsigned char *der = NULL, digest[32];
    int len = i2d_X509_PUBKEY(key, &der);
    int ok = len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    if (!ok) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(dst + 2 * i, 3, "%02x", digest[i]);
    }
    return 0;
}

char *x509_text_name(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text = NULL;
    long len;

    if (bio == NULL) {
        return NULL;
    }
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        len = BIO_get_mem_data(bio, &data);
        text = strndup(len > 0 ? data : "", (size_t)len);
    }
    BIO_free(bio);
    return text;
}

char *x509_text_serial(const ASN1_INTEGER *serial)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    char *text = hex != NULL ? strdup(hex) : NULL;

    for (char *p = text; p != NULL && *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    OPENSSL_free(hex);
    BN_free(number);
    return text;
}

static void put_escaped(FILE *out, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = data[i];

        if (c > ' ' && c < 0x7f && c != ',' && c != '\\') {
            (void)fputc(tolower(c), out);
        } else {
            (void)fprintf(out, "\\x%02x", c);
        }
    }
}

static void put_address(FILE *out, const ASN1_OCTET_STRING *address)
{
    char text[INET6_ADDRSTRLEN] = "?";
    int len = ASN1_STRING_length(address);

    if (len == 4 || len == 16) {
        (void)inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text,
                        sizeof text);
    }
    (void)fputs(text, out);
}

char *x509_text_san(const GENERAL_NAMES *san)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL) {
        return NULL;
    }
    for (int i = 0; san != NULL && i < sk_GENERAL_NAME_num(san); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, i);

        if (i > 0) {
            (void)fputc(',', out);
        }
        if (name->type == GEN_DNS) {
            put_escaped(out, ASN1_STRING_get0_data(name->d.dNSName),
                        (size_t)ASN1_STRING_length(name->d.dNSName));
        } else if (name->type == GEN_IPADD) {
            put_address(out, name->d.iPAddress);
        } else {
            (void)fputs("?", out);
        }
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

int64_t x509_text_time(const ASN1_TIME *time)
{
    struct tm tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        return INT64_MIN;
    }
    return timegm(&tm);
}

static void put_names(FILE *out, const GENERAL_NAMES *san)
{
    char *names = x509_text_san(san);

    (void)fputs("names:      ", out);
    for (const char *p = names; p != NULL && *p != '\0'; p++) {
        if (*p == ',') {
            (void)fputs(", ", out);
        } else {
            (void)fputc(*p, out);
        }
    }
    (void)fputc('\n', out);
    free(names);
}

static void put_name(FILE *out, const char *label, const X509_NAME *name)
{
    char *text = x509_text_name(name);

    (void)fprintf(out, "%-11s %s\n", label, text != NULL ? text : "?");
    free(text);
}

static void put_key(FILE *out, X509_PUBKEY *pubkey)
{
    EVP_PKEY *key = X509_PUBKEY_get0(pubkey);
    char group[64] = "", spki[65];
    size_t len;

    if (key == NULL) {
        (void)fputs("key:        unreadable\n", out);
        return;
    }
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &len) != 1) {
        group[0] = '\0';
    }
    (void)fprintf(out, "key:        %s, %d bits%s%s\n", EVP_PKEY_get0_type_name(key),
                  EVP_PKEY_get_bits(key), group[0] != '\0' ? ", " : "", group);
    if (x509_text_spki(spki, pubkey) == 0) {
        (void)fprintf(out, "spki:       sha256 %s\n", spki);
    }
}

static void put_time(FILE *out, const char *label, const ASN1_TIME *time)
{
    int64_t seconds = x509_text_time(time);
    time_t when = (time_t)seconds;
    char text[64] = "?";
    struct tm tm;

    if (seconds != INT64_MIN && gmtime_r(&when, &tm) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    (void)fprintf(out, "%-11s %s\n", label, text);
}

void x509_text_request(FILE *out, X509_REQ *req)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);

    put_name(out, "subject:", X509_REQ_get_subject_name(req));
    put_names(out, san);
    put_key(out, X509_REQ_get_X509_PUBKEY(req));
    (void)fprintf(out, "signature:  %s, %s\n", OBJ_nid2ln(X509_REQ_get_signature_nid(req)),
                  key != NULL && EVP_PKEY_get_bits(key) <= 16384 && X509_REQ_verify(req, key) == 1
                      ? "verifies"
                      : "does not verify");
    GENERAL_NAMES_free(san);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

void x509_text_certificate(FILE *out, X509 *cert)
{
    GENERAL_NAMES *san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char *serial = x509_text_serial(X509_get0_serialNumber(cert));

    put_name(out, "subject:", X509_get_subject_name(cert));
    put_names(out, san);
    put_name(out, "issuer:", X509_get_issuer_name(cert));
    (void)fprintf(out, "serial:     %s\n", serial != NULL ? serial : "?");
    put_time(out, "not before:", X509_get0_notBefore(cert));
    put_time(out, "not after:", X509_get0_notAfter(cert));
    put_key(out, X509_get_X509_PUBKEY(cert));
    (void)fprintf(out, "signature:  %s\n", OBJ_nid2ln(X509_get_signature_nid(cert)));
    free(serial);
    GENERAL_NAMES_free(san);
}

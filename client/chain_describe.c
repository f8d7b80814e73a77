#include <errno.h>
#include <inttypes.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "client/chain.h"

static void print_name(FILE *out, const char *label, const X509_NAME *name)
{
    char text[512] = "";
    BIO *bio = BIO_new(BIO_s_mem());
    /* Escapes control characters and what is beyond ASCII (RFC 2253 2.4). */
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(bio, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
    }
    BIO_free(bio);
    fprintf(out, "  %-12s %s\n", label, text);
}

static void print_safe(FILE *out, const unsigned char *data, int len)
{
    for (int i = 0; i < len; i++) {
        if (data[i] > 0x20 && data[i] < 0x7f) {
            fputc(data[i], out);
        } else {
            fprintf(out, "\\x%02x", data[i]);
        }
    }
}

static void print_names(FILE *out, const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    fprintf(out, "  %-12s", "names");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            fputs(i == 0 ? " " : ", ", out);
            print_safe(out, ASN1_STRING_get0_data(name->d.dNSName),
                       ASN1_STRING_length(name->d.dNSName));
        }
    }
    fputc('\n', out);
    GENERAL_NAMES_free(names);
}

static void print_time(FILE *out, const char *label, const ASN1_TIME *time)
{
    char text[64] = "unreadable";
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) == 1) {
        time_t t = timegm(&tm);
        if (localtime_r(&t, &tm) != NULL) {
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
        }
    }
    fprintf(out, "  %-12s %s", label, text);
}

static void print_left(FILE *out, int64_t left)
{
    if (left <= 0) {
        fputs(" (expired)\n", out);
    } else if (left >= 2L * 86400) {
        fprintf(out, " (%" PRId64 " days left)\n", left / 86400);
    } else {
        fprintf(out, " (%" PRId64 " hours left)\n", left / 3600);
    }
}

static void print_serial(FILE *out, const X509 *cert)
{
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = serial != NULL ? BN_bn2hex(serial) : NULL;
    fprintf(out, "  %-12s %s\n", "serial", hex != NULL ? hex : "unreadable");
    OPENSSL_free(hex);
    BN_free(serial);
}

int chain_describe(const X509 *cert, int64_t now, FILE *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    print_name(out, "subject", X509_get_subject_name(cert));
    print_names(out, cert);
    print_name(out, "issuer", X509_get_issuer_name(cert));
    print_time(out, "not before", X509_get0_notBefore(cert));
    fputc('\n', out);
    print_time(out, "not after", X509_get0_notAfter(cert));
    print_left(out, chain_not_after(cert) - now);
    print_serial(out, cert);
    if (X509_digest(cert, EVP_sha256(), digest, &len) == 1) {
        fprintf(out, "  %-12s ", "SHA-256");
        for (unsigned i = 0; i < len; i++) {
            fprintf(out, "%02x", digest[i]);
        }
        fputc('\n', out);
    }
    return ferror(out) ? -EIO : 0;
}

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
#include "client/term.h"

/* Escapes control characters and what is beyond ASCII (RFC 2253 2.4). */
static json_t *name_of(const X509_NAME *name)
{
    char text[512] = "";
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(bio, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
    }
    BIO_free(bio);
    return json_string(text);
}

/* Whatever stands in it, for a terminal. */
static json_t *safe(const unsigned char *data, int len)
{
    char text[1024];
    size_t at = 0;
    for (int i = 0; i < len && at + 5 < sizeof(text); i++) {
        if (data[i] > 0x20 && data[i] < 0x7f) {
            text[at++] = (char)data[i];
        } else {
            at += (size_t)snprintf(text + at, sizeof(text) - at, "\\x%02x", data[i]);
        }
    }
    return json_stringn(text, at);
}

static json_t *names_of(const X509 *cert)
{
    json_t *list = json_array();
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            json_array_append_new(list, safe(ASN1_STRING_get0_data(name->d.dNSName),
                                             ASN1_STRING_length(name->d.dNSName)));
        }
    }
    GENERAL_NAMES_free(names);
    return list;
}

static json_t *time_of(const ASN1_TIME *time)
{
    char text[64] = "unreadable";
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) == 1) {
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    return json_string(text);
}

static json_t *key_of(const X509 *cert)
{
    char text[96] = "unreadable", curve[64] = "?";
    EVP_PKEY *key = X509_get0_pubkey(cert);
    if (key != NULL && EVP_PKEY_is_a(key, "RSA")) {
        snprintf(text, sizeof(text), "RSA %d", EVP_PKEY_get_bits(key));
    } else if (key != NULL && EVP_PKEY_is_a(key, "EC")) {
        EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
        snprintf(text, sizeof(text), "ECDSA %s",
                 strcmp(curve, "prime256v1") == 0  ? "P-256"
                 : strcmp(curve, "secp384r1") == 0 ? "P-384"
                                                   : curve);
    } else if (key != NULL && EVP_PKEY_get0_type_name(key) != NULL) {
        snprintf(text, sizeof(text), "%.80s", EVP_PKEY_get0_type_name(key));
    }
    return json_string(text);
}

static json_t *serial_of(const X509 *cert)
{
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = serial != NULL ? BN_bn2hex(serial) : NULL;
    json_t *text = json_string(hex != NULL ? hex : "unreadable");
    OPENSSL_free(hex);
    BN_free(serial);
    return text;
}

static json_t *digest_of(const X509 *cert)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned len = 0;
    if (X509_digest(cert, EVP_sha256(), digest, &len) == 1) {
        for (unsigned i = 0; i < len; i++) {
            snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
        }
    }
    return json_string(hex);
}

json_t *chain_item(const X509 *cert, int64_t now)
{
    int64_t left = chain_not_after(cert) - now;
    int64_t days = left >= 0 ? left / 86400 : -((-left + 86399) / 86400);
    return json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:I,s:b,s:o,s:o,s:o}", "subject",
        name_of(X509_get_subject_name(cert)), "names", names_of(cert), "issuer",
        name_of(X509_get_issuer_name(cert)), "not_before", time_of(X509_get0_notBefore(cert)),
        "not_after", time_of(X509_get0_notAfter(cert)), "days_left", (json_int_t)days, "expired",
        left <= 0, "key", key_of(cert), "serial", serial_of(cert), "sha256", digest_of(cert));
}

/* -- for people -- */

static void print_text(FILE *out, const char *label, const json_t *item, const char *key)
{
    fprintf(out, "  %-12s %s\n", label, json_string_value(json_object_get(item, key)));
}

static void print_names(FILE *out, const json_t *names)
{
    fprintf(out, "  %-12s", "names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        fprintf(out, "%s%s", i == 0 ? " " : ", ", json_string_value(json_array_get(names, i)));
    }
    fputc('\n', out);
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
        fputs(" (", out);
        term_put(out, TERM_RED, "expired");
        fputs(")\n", out);
    } else if (left >= 2L * 86400) {
        fprintf(out, " (%" PRId64 " days left)\n", left / 86400);
    } else {
        fprintf(out, " (%" PRId64 " hours left)\n", left / 3600);
    }
}

int chain_describe(const X509 *cert, int64_t now, FILE *out)
{
    json_t *item = chain_item(cert, now);
    if (item == NULL) {
        return -ENOMEM;
    }
    print_text(out, "subject", item, "subject");
    print_names(out, json_object_get(item, "names"));
    print_text(out, "key", item, "key");
    print_text(out, "issuer", item, "issuer");
    print_time(out, "not before", X509_get0_notBefore(cert));
    fputc('\n', out);
    print_time(out, "not after", X509_get0_notAfter(cert));
    print_left(out, chain_not_after(cert) - now);
    print_text(out, "serial", item, "serial");
    print_text(out, "SHA-256", item, "sha256");
    json_decref(item);
    return ferror(out) ? -EIO : 0;
}

/*
 * X.509 objects in words: what `show csr`, `show certificate` and the store say of them.
 * Foreign octets never reach a terminal as they are: controls are shown as \xNN.
 */
#ifndef CERTMILL_ISSUER_X509_TEXT_H
#define CERTMILL_ISSUER_X509_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* SHA-256 of a SubjectPublicKeyInfo in lower-case hex. -ENOMEM. */
int x509_text_spki(char dst[static 65], X509_PUBKEY *key);

/* RFC 2253 form, malloc'd; NULL when out of memory. */
char *x509_text_name(const X509_NAME *name);

/* Lower-case hex of a serial number, malloc'd; NULL when out of memory. */
char *x509_text_serial(const ASN1_INTEGER *serial);

/* The subjectAltNames, divided by "," and in lower case; "" where san is NULL. malloc'd. */
char *x509_text_san(const GENERAL_NAMES *san);

/* Unix seconds of a time in a certificate; INT64_MIN where it cannot be read. */
int64_t x509_text_time(const ASN1_TIME *time);

/* Several lines, `label: text`. */
void x509_text_request(FILE *out, X509_REQ *req);
void x509_text_certificate(FILE *out, X509 *cert);

#endif

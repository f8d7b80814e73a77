/*
 * TLSA records: made of keys and certificates, read, compared (RFC 6698, RFC 7671).
 */
#ifndef CERTMILL_CLIENT_TLSA_H
#define CERTMILL_CLIENT_TLSA_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/chain.h"
#include "common/err.h"

#define TLSA_RRTYPE 52

/* RFC 6698 2.1, by the names of RFC 7218. */
enum tlsa_usage { TLSA_PKIX_TA, TLSA_PKIX_EE, TLSA_DANE_TA, TLSA_DANE_EE };
enum tlsa_selector { TLSA_CERT, TLSA_SPKI };
enum tlsa_matching { TLSA_FULL, TLSA_SHA256, TLSA_SHA512 };

/* rdata, taken apart; data is within it. */
struct tlsa {
    uint8_t usage, selector, matching;
    const uint8_t *data;
    size_t len;
};

/* What records are of: a public key, as its certificate will have it, and where there is one
 * already, that certificate with its issuers. */
struct tlsa_of {
    const uint8_t *spki; /* SubjectPublicKeyInfo, DER */
    size_t spki_len;
    const struct chain *chain; /* leaf first; NULL or empty: there is none */
};

/* The SubjectPublicKeyInfo of a key, DER, malloc'd. -ENOMEM, ERR_CRYPTO. */
int tlsa_spki(uint8_t **spki, size_t *len, EVP_PKEY *key, struct err *err);

/* Takes rdata apart. ERR_MALFORMED where it is too short to be a TLSA record. */
int tlsa_parse(struct tlsa *out, const uint8_t *rdata, size_t len);

/* Whether clients can use the record (RFC 6698 4.1, RFC 7671 4.1): usage, selector and matching
 * type are known, a digest has its length, full data is DER to the end. NULL where it is; else
 * what is wrong, static. */
const char *tlsa_unusable(const struct tlsa *tlsa);

/* Likewise for mail from server to server (port 25), which has no use for usages 0 and 1 (RFC 7672
 * 3.1.3). */
#define TLSA_SMTP_PORT 25
const char *tlsa_unusable_smtp(const struct tlsa *tlsa);

/* The data of a record of that kind. *data is malloc'd. ERR_NOT_FOUND: it is of the
 * certificate or the issuer, and there is none. -ENOMEM, ERR_CRYPTO. */
int tlsa_data(uint8_t **data, size_t *len, const struct tlsa *kind, const struct tlsa_of *of,
              struct err *err);

/* rdata of a type of tlsa-type-list ("311"), likewise. ERR_UNKNOWN for another word. */
int tlsa_make(uint8_t **rdata, size_t *len, const char *type, const struct tlsa_of *of,
              struct err *err);

/* Whether a server with that key and chain satisfies the record as far as the record goes: usages 1
 * and 3 are of the leaf, 0 and 2 of any issuer in the chain (RFC 6698 2.1.1), or where the record
 * holds all of it, of one that signed the chain and is not sent with it (RFC 7671 5.2.2). false as
 * well where memory ran out. */
bool tlsa_matches(const struct tlsa *tlsa, const struct tlsa_of *of);

/* Owner name, without the last dot: _PORT._PROTOCOL.NAME (RFC 6698 3). ERR_RANGE for port 0,
 * ERR_LIMIT where it is longer than a name may be. */
int tlsa_owner(char dst[static LIMIT_DOMAIN_TEXT + 1], int64_t port, const char *protocol,
               const char *name, struct err *err);

/* A line of a zone file, without TTL and line end: "OWNER. IN TLSA 3 1 1 ABCD". malloc'd; NULL: out
 * of memory. */
char *tlsa_line(const char *owner, const uint8_t *rdata, size_t len);

/* What is to be said of records of a type of tlsa-type-list; NULL: nothing. */
const char *tlsa_caution(const char *type);

#endif

/*
 * A downloaded chain (RFC 8555 7.4.2, 9.1), judged before anybody gets it, and the choice among
 * several. Pure.
 */
#ifndef CERTMILL_ISSUER_ORDER_CHAIN_H
#define CERTMILL_ISSUER_ORDER_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

struct order_chain {
    char *pem;          /* the certificates, leaf first, nothing between them, LF line ends */
    const char *issuer; /* common name that the last certificate was issued by, or "" */
    char *serial;       /* of the leaf, lower-case hex */
    int64_t not_after;  /* of the leaf, Unix seconds */
    size_t count;
    char *issuers[LIMIT_CHAIN]; /* of each certificate: common name of its issuer, or "" */
    uint8_t fingerprints[LIMIT_CHAIN][32]; /* of each: SHA-256 of its DER */
};

/* Proves that it holds certificates only; that the leaf has the CSR's (DER) key and just the names
 * (normal form) and has not expired; and that each certificate is signed by the next, which is a
 * CA's and has the name of its issuer. ERR_MALFORMED, ERR_LIMIT, ERR_CA (what was not ordered, or
 * is no chain), -ENOMEM. */
struct order_chain_wanted {
    const uint8_t *csr;
    size_t csr_len;
    char *const *names;
    size_t name_count;
    int64_t now; /* Unix seconds; 0: not known, and nothing has expired */
};
int order_chain_parse(struct order_chain *out, const char *pem, size_t len,
                      const struct order_chain_wanted *wanted, struct err *err);
/* The same without any proof but that these are certificates: of a chain from the store. */
int order_chain_read(struct order_chain *out, const char *pem, size_t len, struct err *err);
void order_chain_clear(struct order_chain *chain);

/* How well it fits what is preferred: a name (spaces and underscores are the same) or a SHA-256
 * fingerprint (64 hexadecimal digits, of either case, with or without colons). */
enum order_chain_fit {
    ORDER_CHAIN_OTHER,
    ORDER_CHAIN_THROUGH, /* some certificate of it was issued by that name */
    ORDER_CHAIN_ENDS,    /* it ends at that name or certificate, or has the certificate in it */
};
enum order_chain_fit order_chain_fit(const struct order_chain *chain, const char *preferred);

/* Which of the chains (PEM, count of them, the default one first) is the preferred one: *index is
 * that of the first that fits best. False, and 0, where none fits, preferred is NULL or "", or none
 * can be read. */
bool order_chain_pick(size_t *index, char *const *chains, size_t count, const char *preferred);

#endif

/*
 * A downloaded chain (RFC 8555 7.4.2, 9.1), judged before anybody gets it. Pure.
 */
#ifndef CERTMILL_ISSUER_ORDER_CHAIN_H
#define CERTMILL_ISSUER_ORDER_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct order_chain {
    char *pem;         /* the certificates, leaf first, nothing between them, LF line ends */
    char *issuer;      /* common name that the last certificate was issued by, or "" */
    char *serial;      /* of the leaf, lower-case hex */
    int64_t not_after; /* of the leaf, Unix seconds */
};

/* Proves that it holds certificates only, and that the leaf has the CSR's (DER) key and just the
 * names (normal form). ERR_MALFORMED, ERR_LIMIT, ERR_CA (another key or other names), -ENOMEM. */
struct order_chain_wanted {
    const uint8_t *csr;
    size_t csr_len;
    char *const *names;
    size_t name_count;
};
int order_chain_parse(struct order_chain *out, const char *pem, size_t len,
                      const struct order_chain_wanted *wanted, struct err *err);
void order_chain_clear(struct order_chain *chain);

/* Whether issuer is the one preferred; spaces and underscores are the same. */
bool order_chain_issued_by(const struct order_chain *chain, const char *preferred);

#endif

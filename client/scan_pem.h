/*
 * What a file of keys and certificates holds, whatever program wrote it, and the same file with
 * other certificates. Pure.
 */
#ifndef CERTMILL_CLIENT_SCAN_PEM_H
#define CERTMILL_CLIENT_SCAN_PEM_H

#include "client/chain.h"
#include "client/key.h"

struct scan_pem {
    EVP_PKEY *key; /* NULL: none, or fault says why it is of no use */
    enum key_type type;
    int fault_code;  /* as key_parse; 0: no fault */
    char fault[256]; /* of its key: a sentence */
    X509 *certs[CHAIN_MAX];
    size_t cert_count; /* 0 also where there are more than CHAIN_MAX: a bundle */
};

/* Reads len octets, PEM (RFC 7468) or not. -ENOMEM. scan_pem_clear wipes and frees. */
int scan_pem_read(struct scan_pem *out, const char *text, size_t len, struct err *err);
void scan_pem_clear(struct scan_pem *pem);

enum scan_role {
    SCAN_ALL, /* leaf and issuers, perhaps with the key */
    SCAN_ISSUERS,
    SCAN_LEAF, /* perhaps with the key */
};

/* The file's text with the certificates of the chain that its role has in the place of its own;
 * other blocks, keys among them, stay octet by octet, what stands between blocks goes. malloc'd; it
 * may hold a key. ERR_NOT_FOUND: nothing to put there (no issuers). -ENOMEM, ERR_CRYPTO. */
int scan_pem_rewrite(char **out, size_t *out_len, const char *text, size_t len,
                     const struct chain *chain, enum scan_role role, struct err *err);

#endif

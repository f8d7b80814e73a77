/*
 * Whether a key file fits a certificate, without building the key: OpenSSL 3.0's decoders take
 * 0.3 ms for it, half of what a certificate may cost where a thousand sets are looked at in a
 * second.
 */
#ifndef CERTMILL_CLIENT_KEY_MATCH_H
#define CERTMILL_CLIENT_KEY_MATCH_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/files.h"

/* True: len octets of PEM hold one private key of that type, permitted (client/key.h), without a
 * pass phrase, whose public half is the certificate's, octet by octet. False: not so, or not
 * known; key_parse says which. */
bool key_match(const char *pem, size_t len, enum key_type type, X509 *leaf);

#endif

/*
 * Within client/scan*.c.
 */
#ifndef CERTMILL_CLIENT_SCAN_PRIV_H
#define CERTMILL_CLIENT_SCAN_PRIV_H

#include "client/scan.h"

/* By what public keys are told apart. ERR_CRYPTO. */
int scan_public(uint8_t dst[static SCAN_DIGEST], EVP_PKEY *key);

/* Pairs of the files that were read. -ENOMEM. */
int scan_make_pairs(struct scan *scan, int64_t now, struct err *err);

#endif

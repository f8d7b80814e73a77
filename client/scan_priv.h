/*
 * Within client/scan*.c.
 */
#ifndef CERTMILL_CLIENT_SCAN_PRIV_H
#define CERTMILL_CLIENT_SCAN_PRIV_H

#include "client/scan.h"

/* Pairs of the files that were read. -ENOMEM. */
int scan_make_pairs(struct scan *scan, int64_t now, struct err *err);

#endif

/*
 * The key of an external account binding (RFC 8555 7.3.4) as CAs give it. The supervisor judges it,
 * so that a bad file is refused as a whole; the signer uses it (signer/eab.h).
 */
#ifndef CERTMILL_COMMON_EAB_KEY_H
#define CERTMILL_COMMON_EAB_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/limits.h"

#define EAB_KEY_MIN 16 /* octets: less is a mistake, or can be guessed */

/* Reads eab-key-file: base64url, with or without "=" at its end, white space around it. Returns the
 * octets in dst; ERR_MALFORMED, ERR_LIMIT, never with the key in err. dst is wiped on error. */
int eab_key_parse(uint8_t dst[static LIMIT_EAB_KEY], const char *text, size_t len, struct err *err);

#endif

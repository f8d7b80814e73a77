/*
 * base64url without padding (RFC 4648 5, RFC 7515 2), and hexadecimal digits (RFC 4648 8).
 */
#ifndef CERTMILL_COMMON_ENCODE_H
#define CERTMILL_COMMON_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* Characters that len bytes become, without the NUL. */
#define BASE64URL_LEN(len) (((len)*4 + 2) / 3)

/* Writes BASE64URL_LEN(len) characters and a NUL into dst. Returns the length. */
size_t base64url_encode(char *dst, const uint8_t *src, size_t len);
/* Decodes len characters into dst[cap]. Returns the byte count, ERR_MALFORMED for a
 * foreign character or an impossible length, ERR_LIMIT where cap is too small. */
int base64url_decode(uint8_t *dst, size_t cap, const char *src, size_t len);

/* Writes 2 * len lower-case digits and a NUL into dst. */
void hex_encode(char *dst, const uint8_t *src, size_t len);
/* Reads 2 * len digits, of either case. ERR_MALFORMED where one is none. */
int hex_decode(uint8_t *dst, const char *digits, size_t len);

#endif

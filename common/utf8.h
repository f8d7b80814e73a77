/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing past U+10FFFF.
 */
#ifndef CERTMILL_COMMON_UTF8_H
#define CERTMILL_COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the character at the start of len (at least 1) bytes. Returns its length, 1 to 4,
 * with the code point in *point; or 0 where the bytes are not UTF-8. */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *point);

#endif

#include "common/encode.h"

#include <limits.h>

#include "common/err.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(char *dst, const uint8_t *src, size_t len)
{
    char *p = dst;
    uint32_t v;

    while (len >= 3) {
        v = (uint32_t)src[0] << 16 | (uint32_t)src[1] << 8 | src[2];
        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];
        *p++ = alphabet[v >> 6 & 63];
        *p++ = alphabet[v & 63];
        src += 3;
        len -= 3;
    }
    if (len > 0) {
        v = (uint32_t)src[0] << 16 | (len == 2 ? (uint32_t)src[1] << 8 : 0);
        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];
        if (len == 2) {
            *p++ = alphabet[v >> 6 & 63];
        }
    }
    *p = '\0';
    return (size_t)(p - dst);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '-') {
        return 62;
    }
    return c == '_' ? 63 : -1;
}

int base64url_decode(uint8_t *dst, size_t cap, const char *src, size_t len)
{
    size_t n = len / 4 * 3 + (len % 4 == 0 ? 0 : len % 4 - 1);
    uint32_t v = 0;
    unsigned bits = 0;
    uint8_t *p = dst;
    int d;

    if (len % 4 == 1) {
        return ERR_MALFORMED;
    }
    if (n > cap || n > INT_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < len; i++) {
        if ((d = digit(src[i])) < 0) {
            return ERR_MALFORMED;
        }
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *p++ = (uint8_t)(v >> bits);
            v &= (1u << bits) - 1;
        }
    }
    /* what is left over must be zero, so that a byte string has one form only */
    return v == 0 ? (int)n : ERR_MALFORMED;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(uint8_t *dst, const char *digits, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(digits[2 * i]), low = hex_digit(digits[2 * i + 1]);

        if (high < 0 || low < 0) {
            return ERR_MALFORMED;
        }
        dst[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

void hex_encode(char *dst, const uint8_t *src, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *dst++ = digits[src[i] >> 4];
        *dst++ = digits[src[i] & 15];
    }
    *dst = '\0';
}

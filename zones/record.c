#include "zones/record.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "zones/name.h"

#define HASH_LABEL 32 /* base32 characters, five bits each, so 20 octets of the digest */

static void base32_encode(uint8_t dst[static HASH_LABEL], const uint8_t *src)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < HASH_LABEL; i++) {
        if (have < 5) {
            bits = bits << 8 | *src++;
            have += 8;
        }
        have -= 5;
        dst[i] = (uint8_t)alphabet[bits >> have & 31];
    }
}

/* The one label that stands for a name too long to be spelled out. */
static int hash_label(uint8_t dst[static 1 + HASH_LABEL], const char *text, size_t len)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    if (EVP_Digest(text, len, digest, &digest_len, EVP_sha256(), NULL) != 1) {
        return ERR_CRYPTO;
    }
    dst[0] = HASH_LABEL;
    base32_encode(dst + 1, digest);
    return 0;
}

static bool is_normal(const char *domain)
{
    return domain[strspn(domain, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

int record_name(uint8_t dst[static LIMIT_NAME_WIRE], const char *domain, const uint8_t *zone)
{
    if (domain[0] == '*' && domain[1] == '.') {
        domain += 2;
    }
    size_t text_len = strnlen(domain, LIMIT_DOMAIN_TEXT + 1);
    if (text_len > LIMIT_DOMAIN_TEXT) {
        return ERR_LIMIT;
    }
    if (!is_normal(domain) || strcmp(domain, ".") == 0) {
        return ERR_MALFORMED;
    }

    int len = name_from_text(dst, domain);
    if (len < 0) {
        return len;
    }
    if (domain[text_len - 1] == '.') {
        text_len--;
    }

    size_t zone_len = name_len(zone), head = (size_t)len - 1;
    if (zone_len > LIMIT_NAME_WIRE - head) {
        int ret = hash_label(dst, domain, text_len);
        if (ret < 0) {
            return ret;
        }
        head = 1 + HASH_LABEL;
        if (zone_len > LIMIT_NAME_WIRE - head) {
            return ERR_LIMIT;
        }
    }
    name_lower(dst + head, zone);
    return (int)(head + zone_len);
}

#include "dnsd/cookie.h"

#include <string.h>

#include "common/wire.h"
#include "zones/siphash.h"

#define COOKIE_VERSION  1
#define COOKIE_LIFETIME 3600 /* seconds, RFC 9018 4.3 */
#define COOKIE_RENEW    1800
#define COOKIE_AHEAD    300

static uint64_t cookie_hash(const uint8_t *key, const uint8_t cookie[static COOKIE_FULL],
                            const uint8_t *address, size_t address_len)
{
    uint8_t input[COOKIE_CLIENT + 8 + 16]; /* RFC 9018 4.4 */

    memcpy(input, cookie, COOKIE_CLIENT + 8);
    memcpy(input + COOKIE_CLIENT + 8, address, address_len);
    return siphash(2, 4, key, input, COOKIE_CLIENT + 8 + address_len);
}

void cookie_make(const struct cookie_secrets *secrets, const uint8_t client[static COOKIE_CLIENT],
                 const uint8_t *address, size_t address_len, uint32_t now,
                 uint8_t cookie[static COOKIE_FULL])
{
    uint64_t hash;

    memmove(cookie, client, COOKIE_CLIENT);
    wire_write_u32(cookie + COOKIE_CLIENT, (uint32_t)COOKIE_VERSION << 24);
    wire_write_u32(cookie + COOKIE_CLIENT + 4, now);
    hash = htole64(cookie_hash(secrets->key[0], cookie, address, address_len));
    memcpy(cookie + COOKIE_CLIENT + 8, &hash, sizeof(hash));
}

bool cookie_check(const struct cookie_secrets *secrets, const uint8_t cookie[static COOKIE_FULL],
                  const uint8_t *address, size_t address_len, uint32_t now, bool *fresh)
{
    uint32_t age = now - wire_read_u32(cookie + COOKIE_CLIENT + 4); /* RFC 1982 */
    uint64_t shown;

    *fresh = false;
    if (cookie[COOKIE_CLIENT] != COOKIE_VERSION ||
        (age > COOKIE_LIFETIME && age < (uint32_t)-COOKIE_AHEAD)) {
        return false;
    }
    memcpy(&shown, cookie + COOKIE_CLIENT + 8, sizeof(shown));
    for (unsigned i = 0; i < secrets->count; i++) {
        if (htole64(cookie_hash(secrets->key[i], cookie, address, address_len)) == shown) {
            *fresh = i == 0 && (age < COOKIE_RENEW || age >= (uint32_t)-COOKIE_AHEAD);
            return true;
        }
    }
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* len: without the line's end. */
static int read_secret(uint8_t *key, const char *line, size_t len)
{
    if (len != (size_t)2 * COOKIE_SECRET) {
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < COOKIE_SECRET; i++) {
        int high = digit(line[2 * i]), low = digit(line[2 * i + 1]);

        if (high < 0 || low < 0) {
            return ERR_MALFORMED;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static size_t trim(const char **line, size_t len)
{
    while (len > 0 && strchr(" \t\r", (*line)[len - 1]) != NULL) {
        len--;
    }
    while (len > 0 && strchr(" \t", **line) != NULL) {
        (*line)++;
        len--;
    }
    return len;
}

int cookie_secrets_parse(struct cookie_secrets *secrets, const char *text, size_t len,
                         struct err *err)
{
    unsigned number = 0;
    int ret = 0;

    memset(secrets, 0, sizeof(*secrets));
    while (ret == 0 && len > 0) {
        const char *end = memchr(text, '\n', len), *line = text;
        size_t all = end != NULL ? (size_t)(end - text) : len;
        size_t n = trim(&line, all);

        number++;
        if (n > 0 && *line != '#') {
            if (secrets->count == LIMIT_COOKIE_SECRETS) {
                ret = err_set(err, ERR_LIMIT, "line %u: more than %d secrets", number,
                              LIMIT_COOKIE_SECRETS);
            } else if (read_secret(secrets->key[secrets->count++], line, n) < 0) {
                ret = err_set(err, ERR_MALFORMED,
                              "line %u: a secret has 32 hexadecimal digits (openssl rand -hex 16)",
                              number);
            }
        }
        all += end != NULL;
        text += all;
        len -= all;
    }
    if (ret == 0 && secrets->count == 0) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "there is no secret in it; write one (openssl rand -hex 16)");
    }
    if (ret < 0) {
        explicit_bzero(secrets, sizeof(*secrets));
    }
    return ret;
}

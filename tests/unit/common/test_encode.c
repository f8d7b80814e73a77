#include <string.h>

#include "common/encode.h"
#include "common/err.h"
#include "run.h"

static void test_vectors(void)
{
    /* RFC 4648 10, without padding; RFC 7515 appendix C for the two characters of its own */
    static const struct {
        const char *plain, *coded;
    } vectors[] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
        {"\x03\xec\xff\xe0\xc1", "A-z_4ME"},
    };
    char coded[32];
    uint8_t plain[32];

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        size_t len = strlen(vectors[i].plain);
        CU_ASSERT_EQUAL(base64url_encode(coded, (const uint8_t *)vectors[i].plain, len),
                        BASE64URL_LEN(len));
        CU_ASSERT_STRING_EQUAL(coded, vectors[i].coded);
        CU_ASSERT_EQUAL(base64url_decode(plain, sizeof(plain), coded, strlen(coded)), (int)len);
        CU_ASSERT_EQUAL(memcmp(plain, vectors[i].plain, len), 0);
    }
}

static void test_round_trip(void)
{
    uint8_t bytes[256], back[256];
    char coded[BASE64URL_LEN(256) + 1];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(255 - i);
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        size_t n = base64url_encode(coded, bytes, len);
        CU_ASSERT_EQUAL(base64url_decode(back, len, coded, n), (int)len);
        CU_ASSERT_EQUAL(memcmp(bytes, back, len), 0);
    }
}

static void test_hostile(void)
{
    static const char *const bad[] = {"A",    "Zm9vY", "Zg==", "Zm9v\n", " Zg",
                                      "Z+9v", "Z/9v",  "Zh",   "Zm9",    "Zm\x80v"};
    uint8_t out[8];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(base64url_decode(out, sizeof(out), bad[i], strlen(bad[i])), ERR_MALFORMED);
    }
    CU_ASSERT_EQUAL(base64url_decode(out, sizeof(out), "Z\0Zg", 4), ERR_MALFORMED);
    CU_ASSERT_EQUAL(base64url_decode(out, 2, "Zm9v", 4), ERR_LIMIT);
}

static void test_hex(void)
{
    static const char all[] = "0123456789abcdefABCDEF";
    uint8_t out[4];
    char text[9];

    CU_ASSERT_EQUAL(hex_decode(out, "00fF9aE1", 4), 0);
    CU_ASSERT_EQUAL(memcmp(out, "\x00\xff\x9a\xe1", 4), 0);
    CU_ASSERT_EQUAL(hex_decode(out, "", 0), 0);
    hex_encode(text, out, sizeof out);
    CU_ASSERT_STRING_EQUAL(text, "00ff9ae1");
    hex_encode(text, out, 0);
    CU_ASSERT_STRING_EQUAL(text, "");
    for (int c = 0; c < 256; c++) {
        const char high[] = {(char)c, '0'}, low[] = {'0', (char)c};
        int expected = c != 0 && strchr(all, c) != NULL ? 0 : ERR_MALFORMED;

        CU_ASSERT_EQUAL(hex_decode(out, high, 1), expected);
        CU_ASSERT_EQUAL(hex_decode(out, low, 1), expected);
    }
}

int main(void)
{
    static const struct run_case cases[] = {
        {"vectors of the RFCs", test_vectors},
        {"all lengths there and back", test_round_trip},
        {"foreign characters, lengths and left-over bits are refused", test_hostile},
        {"hexadecimal digits", test_hex},
    };

    return RUN("encode", cases);
}

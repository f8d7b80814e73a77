/*
 * The file of cookie secrets, written by people and by whoever got hold of it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cookie_secrets.h"
#include "tests/unit/common/run.h"

#define SECRET     "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define OLD_SECRET "dd3bdf9344b678b185a6f5cb60fca715"
#define NEW_SECRET "445536bcd2513298075a5d379663c962"

static const uint8_t octets[COOKIE_SECRET] = {0xE5, 0xE9, 0x73, 0xE5, 0xA6, 0xB2, 0xA4, 0x3F,
                                              0x48, 0xE7, 0xDC, 0x84, 0x9E, 0x37, 0xBF, 0xCF};

static int parse(struct cookie_secrets *secrets, const char *text, size_t len, struct err *err)
{
    char *exact = malloc(len + (len == 0)); /* a read beyond its end is seen */
    int ret;

    memcpy(exact, text, len);
    memset(secrets, 0x55, sizeof(*secrets));
    *err = (struct err){0};
    ret = cookie_secrets_parse(secrets, exact, len, err);
    free(exact);
    return ret;
}

static void test_secrets_file(void)
{
    static const struct {
        const char *text;
        unsigned count;
    } files[] = {
        {SECRET, 1},
        {SECRET "\n", 1},
        {"# in use\n" SECRET "\n\n#next\n  " NEW_SECRET "\t \r\n", 2},
        {SECRET "\n" OLD_SECRET "\n" NEW_SECRET, 3},
        {"\r\n\n \t\n" SECRET "\n", 1},
    };
    struct cookie_secrets secrets;
    struct err err;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CU_ASSERT_EQUAL(parse(&secrets, files[i].text, strlen(files[i].text), &err), 0);
        CU_ASSERT_EQUAL(secrets.count, files[i].count);
        CU_ASSERT_EQUAL(memcmp(secrets.key[0], octets, COOKIE_SECRET), 0);
    }
    CU_ASSERT_EQUAL(parse(&secrets, "E5E973E5A6B2A43F48E7DC849E37BFCF", 32, &err), 0);
    CU_ASSERT_EQUAL(memcmp(secrets.key[0], octets, COOKIE_SECRET), 0);
}

/* Refused, with the line but without a digit of it, and nothing is kept. */
static void test_bad_secrets_file(void)
{
    static const struct {
        const char *text;
        size_t len;
        int ret;
        const char *says;
    } files[] = {
        {"", 0, ERR_NOT_FOUND, "no secret"},
        {"\n# none\n", 8, ERR_NOT_FOUND, "no secret"},
        {"e5e973e5a6b2a43f48e7dc849e37bfc\n", 32, ERR_MALFORMED, "line 1"},
        {"\n#\ne5e973e5a6b2a43f48e7dc849e37bfcf0\n", 37, ERR_MALFORMED, "line 3"},
        {SECRET "\ne5e973e5a6b2a43g48e7dc849e37bfcf\n", 66, ERR_MALFORMED, "line 2"},
        {"e5e973e5a6b2a43f 48e7dc849e37bfc\n", 33, ERR_MALFORMED, "line 1"},
        {"e5e973e5a6b2a43f\0"
         "8e7dc849e37bfcf0\n",
         33, ERR_MALFORMED, "line 1"},
        {"\0\n", 2, ERR_MALFORMED, "line 1"},
        {"\xE5\xE9\x73\xE5\xA6\xB2\xA4\x3F\x48\xE7\xDC\x84\x9E\x37\xBF\xCF", 16, ERR_MALFORMED,
         "line 1"},
        {"@5e973e5a6b2a43f48e7dc849e37bfcf", 32, ERR_MALFORMED, "line 1"},
        {SECRET "\n" SECRET "\n" SECRET "\n#\n" SECRET, 134, ERR_LIMIT, "line 5"},
        {SECRET " " SECRET, 65, ERR_MALFORMED, "line 1"},
    };
    const struct cookie_secrets wiped = {0};
    struct cookie_secrets secrets;
    struct err err;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CU_ASSERT_EQUAL(parse(&secrets, files[i].text, files[i].len, &err), files[i].ret);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, files[i].says));
        CU_ASSERT_PTR_NULL(strstr(err.text, "e5e973"));
        CU_ASSERT_EQUAL(memcmp(&secrets, &wiped, sizeof(wiped)), 0);
    }
}

int main(void)
{
    static const struct run_case cases[] = {
        {"good", test_secrets_file},
        {"bad", test_bad_secrets_file},
    };

    return RUN("cookie secrets", cases);
}

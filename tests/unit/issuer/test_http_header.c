/* Header fields, nonces, the directory: what comes in before any body is looked at. */
#include "issuer/http_header.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/limits.h"
#include "issuer/acme_directory.h"
#include "issuer/nonce.h"

#define NOW 1900000000

static int line(struct http_fields *fields, const char *text)
{
    return http_fields_line(fields, text, strlen(text), NOW);
}

static void test_fields(void)
{
    struct http_fields f;

    http_fields_init(&f);
    CU_ASSERT(f.retry_after_ms == -1);
    CU_ASSERT(line(&f, "HTTP/1.1 100 Continue\r\n") == 0);
    CU_ASSERT(line(&f, "Replay-Nonce: early\r\n") == 0);
    CU_ASSERT(line(&f, "\r\n") == 0);
    CU_ASSERT(line(&f, "HTTP/2 201 \r\n") == 0);
    CU_ASSERT_STRING_EQUAL(f.nonce, "");
    CU_ASSERT(line(&f, "replay-NONCE:   aB0-_ \r\n") == 0);
    CU_ASSERT(line(&f, "Location: https://ca.test/o/1\r\n") == 0);
    CU_ASSERT(line(&f, "location: https://ca.test/o/2") == 0);
    CU_ASSERT(line(&f, "Retry-After: 3\r\n") == 0);
    CU_ASSERT(line(&f, "Content-Type: Application/JSON; charset=utf-8\r\n") == 0);
    CU_ASSERT_STRING_EQUAL(f.nonce, "aB0-_");
    CU_ASSERT_STRING_EQUAL(f.location, "https://ca.test/o/2");
    CU_ASSERT(f.retry_after_ms == 3000);
    CU_ASSERT_STRING_EQUAL(f.content_type, "application/json");
    http_fields_clear(&f);
    CU_ASSERT(f.location == NULL && f.bytes == 0);
}

static void test_hostile_fields(void)
{
    struct http_fields f;
    char big[4096];

    http_fields_init(&f);
    CU_ASSERT(line(&f, "Replay-Nonce: a b\r\n") == 0 && f.nonce[0] == '\0');
    CU_ASSERT(line(&f, "Replay-Nonce: \"x\"\r\n") == 0 && f.nonce[0] == '\0');
    CU_ASSERT(line(&f, "Replay-Nonce:\r\n") == 0 && f.nonce[0] == '\0');
    CU_ASSERT(line(&f, "Replay-Nonce: a\xc3\xa9\r\n") == 0 && f.nonce[0] == '\0');
    memset(big, 'a', sizeof(big));
    memcpy(big, "Replay-Nonce: ", 14);
    CU_ASSERT(http_fields_line(&f, big, 14 + LIMIT_NONCE, NOW) == 0);
    CU_ASSERT(strlen(f.nonce) == LIMIT_NONCE);
    CU_ASSERT(http_fields_line(&f, big, 14 + LIMIT_NONCE + 1, NOW) == 0);
    CU_ASSERT(f.nonce[0] == '\0');
    CU_ASSERT(line(&f, "Location: http://ca.test/\r\n") == 0 && f.location == NULL);
    CU_ASSERT(line(&f, "Location: /relative\r\n") == 0 && f.location == NULL);
    CU_ASSERT(line(&f, "Location: https://a/ b\r\n") == 0 && f.location == NULL);
    CU_ASSERT(http_fields_line(&f, "Location: https://a/\0b", 22, NOW) == 0);
    CU_ASSERT(f.location == NULL);
    CU_ASSERT(line(&f, "no colon at all") == 0 && line(&f, ":") == 0 && line(&f, "") == 0);
    memcpy(big, "Content-Type: ", 14);
    CU_ASSERT(http_fields_line(&f, big, sizeof(big), NOW) == 0 && f.content_type[0] == '\0');
    CU_ASSERT(line(&f, "Content-Type: a\x1b[1m\r\n") == 0);
    CU_ASSERT_STRING_EQUAL(f.content_type, "a?[1m");
    http_fields_clear(&f);
    int ret = 0;
    for (int i = 0; i < 100 && ret == 0; i++)
        ret = http_fields_line(&f, big, sizeof(big), NOW);
    CU_ASSERT(ret == ERR_LIMIT && f.bytes <= LIMIT_HTTP_HEADER);
    /* a new answer does not start the count anew */
    CU_ASSERT(line(&f, "HTTP/1.1 200 OK\r\n") == ERR_LIMIT);
    http_fields_clear(&f);
}

static void test_retry_after(void)
{
    static const struct {
        const char *line;
        int64_t ms;
    } cases[] = {
        {"Retry-After: 0", 0},
        {"Retry-After: 120", 120000},
        {"Retry-After: 99999999999999999999999", INT64_C(1000000000000)},
        {"Retry-After: Sun, 17 Mar 2030 17:47:40 GMT", 60000},
        {"Retry-After: Sun, 17 Mar 999999999 05:49:40 GMT", INT64_C(1000000000000)},
        {"Retry-After: Fri, 01 Jan 2010 00:00:00 GMT", 0},
        {"Retry-After: -5", -1},
        {"Retry-After: soon", -1},
        {"Retry-After:", -1},
        {"Retry-After: 1.5", -1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_fields f;
        http_fields_init(&f);
        CU_ASSERT(line(&f, cases[i].line) == 0);
        CU_ASSERT_EQUAL(f.retry_after_ms, cases[i].ms);
        http_fields_clear(&f);
    }
}

/* RFC 9110 10.2.3, 6.6.1: a date is meant by the CA's clock, which ours may be hours away from. */
static void test_retry_after_date(void)
{
    static const char date[] = "Date: Sun, 17 Mar 2030 05:47:40 GMT"; /* 12 h behind */
    static const char until[] = "Retry-After: Sun, 17 Mar 2030 05:49:40 GMT";
    struct http_fields f;

    http_fields_init(&f);
    CU_ASSERT(line(&f, date) == 0);
    CU_ASSERT_EQUAL(f.retry_after_ms, -1);
    CU_ASSERT(line(&f, until) == 0);
    CU_ASSERT_EQUAL(f.retry_after_ms, 120000);
    http_fields_clear(&f);
    CU_ASSERT(line(&f, until) == 0);
    CU_ASSERT_EQUAL(f.retry_after_ms, 0);
    CU_ASSERT(line(&f, date) == 0);
    CU_ASSERT_EQUAL(f.retry_after_ms, 120000);
    CU_ASSERT(line(&f, "Retry-After: 7") == 0);
    CU_ASSERT(line(&f, date) == 0);
    CU_ASSERT_EQUAL(f.retry_after_ms, 7000);
    CU_ASSERT(line(&f, "Date: never") == 0);
    CU_ASSERT_EQUAL(f.retry_after_ms, 7000);
    http_fields_clear(&f);
}

static void test_links(void)
{
    struct http_fields f;

    http_fields_init(&f);
    CU_ASSERT(line(&f, "Link: <https://ca.test/dir>;rel=\"index\"") == 0);
    CU_ASSERT(f.alternate_count == 0);
    CU_ASSERT(line(&f, "Link: <https://ca.test/1>;rel=\"alternate\"\r\n") == 0);
    CU_ASSERT(line(&f,
                   "link: <https://ca.test/up>; rel=up, <https://ca.test/2,;>; title=\"a,b;\\\"\""
                   " ; REL=\"up alternate\" , <https://ca.test/3>;rel=alternate") == 0);
    CU_ASSERT_FATAL(f.alternate_count == 3);
    CU_ASSERT_STRING_EQUAL(f.alternates[0], "https://ca.test/1");
    CU_ASSERT_STRING_EQUAL(f.alternates[1], "https://ca.test/2,;");
    CU_ASSERT_STRING_EQUAL(f.alternates[2], "https://ca.test/3");
    CU_ASSERT(line(&f, "Link: <http://ca.test/4>;rel=alternate, <") == 0);
    CU_ASSERT(line(&f, "Link: <https://ca.test/5;rel=alternate") == 0);
    CU_ASSERT(line(&f, "Link: <https://ca.test/5>;rel=\"alternate") == 0);
    CU_ASSERT(line(&f, "Link: https://ca.test/5;rel=alternate") == 0);
    CU_ASSERT(line(&f, "Link: <>;;;=;rel") == 0);
    CU_ASSERT(f.alternate_count == 3);
    for (int i = 0; i < 20; i++)
        CU_ASSERT(line(&f, "Link: <https://ca.test/x>;rel=\"alternate\"") == 0);
    CU_ASSERT(f.alternate_count == LIMIT_ALTERNATES);
    http_fields_clear(&f);
}

static bool good(const char *url)
{
    return http_url_good(url, strlen(url));
}

static void test_urls(void)
{
    char big[LIMIT_URL + 2];

    CU_ASSERT(good("https://a") && good("HTTPS://a.example:8443/x?y=z#w") &&
              good("https://[::1]/"));
    CU_ASSERT(!good("") && !good("https://") && !good("https:///x") && !good("http://a"));
    CU_ASSERT(!good("https://:1/") && !good("https://?a") && !good("file:///etc/passwd"));
    CU_ASSERT(!good("https://a/\n") && !good("https://a/\"") && !good("https://a/\xc3\xa9"));
    CU_ASSERT(!good("https://a b") && !good("https://a\\b"));
    memset(big, 'a', sizeof(big));
    memcpy(big, "https://", 8);
    CU_ASSERT(http_url_good(big, LIMIT_URL) && !http_url_good(big, LIMIT_URL + 1));
}

static void test_nonces(void)
{
    struct nonce_pool pool = {0};
    char text[16];

    CU_ASSERT(nonce_pool_take(&pool) == NULL);
    nonce_pool_put(&pool, "");
    nonce_pool_put(&pool, "a b");
    CU_ASSERT(pool.count == 0);
    for (int i = 0; i < LIMIT_NONCE_POOL + 10; i++) {
        snprintf(text, sizeof(text), "n%d", i);
        nonce_pool_put(&pool, text);
    }
    CU_ASSERT(pool.count == LIMIT_NONCE_POOL);
    for (int i = LIMIT_NONCE_POOL + 9; i >= 10; i--) {
        char *nonce = nonce_pool_take(&pool);
        snprintf(text, sizeof(text), "n%d", i);
        CU_ASSERT_STRING_EQUAL(nonce, text); /* the newest first; the oldest are gone */
        free(nonce);
    }
    CU_ASSERT(nonce_pool_take(&pool) == NULL);
    nonce_pool_put(&pool, "last");
    nonce_pool_clear(&pool);
    CU_ASSERT(pool.count == 0);
}

static void test_directory(void)
{
    static const char whole[] =
        "{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\","
        "\"odd\":[1],\"meta\":{\"externalAccountRequired\":true}}";
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"newNonce\":\"http://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\"}",
        "{\"newNonce\":\"https://a/n\",\"newAccount\":7,\"newOrder\":\"https://a/o\"}",
        "{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\"}",
    };
    struct acme_directory directory;
    struct err err = {0};

    CU_ASSERT(acme_directory_parse(&directory, whole, strlen(whole), &err) == 0);
    CU_ASSERT_STRING_EQUAL(directory.new_order, "https://a/o");
    CU_ASSERT(directory.external_account);
    acme_directory_clear(&directory);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT(acme_directory_parse(&directory, bad[i], strlen(bad[i]), &err) == ERR_MALFORMED);
        CU_ASSERT(strstr(err.text, "no ACME directory") != NULL);
        CU_ASSERT(directory.new_nonce == NULL);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("header fields", NULL, NULL);
    CU_ADD_TEST(suite, test_fields);
    CU_ADD_TEST(suite, test_hostile_fields);
    CU_ADD_TEST(suite, test_retry_after);
    CU_ADD_TEST(suite, test_retry_after_date);
    CU_ADD_TEST(suite, test_links);
    CU_ADD_TEST(suite, test_urls);
    CU_ADD_TEST(suite, test_nonces);
    CU_ADD_TEST(suite, test_directory);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

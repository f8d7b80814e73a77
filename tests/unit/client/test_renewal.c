/* What a CA says about renewal (RFC 9773), as the server passes it on and as it is kept. */
#include "client/renewal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "tests/unit/common/folder.h"
#include "tests/unit/common/run.h"

#define NOW 1795225578 /* 2026-11-21T01:46:18Z */
#define DAY 86400

static char base[] = "/tmp/certmill-renewal-XXXXXX";
static struct files files = {.path = base, .name = "a.example", .type = KEY_RSA};
static struct renewal renewal;

static int parse(const char *text)
{
    struct err err = {0};
    int ret = renewal_parse(&renewal, text, strlen(text), NOW, &err);
    CU_ASSERT_EQUAL(ret, err.code);
    return ret;
}

/* The answer of docs/protocol.md. */
static void test_answer(void)
{
    CU_ASSERT_EQUAL(parse("{\"suggestedWindow\":{\"start\":\"2026-12-20T04:00:00Z\","
                          "\"end\":\"2026-12-21T04:00:00Z\"},"
                          "\"explanationURL\":\"https://ca.example/why\","
                          "\"checked\":\"2026-11-21T01:46:18Z\","
                          "\"next\":\"2026-11-21T07:46:18Z\"}\n"),
                    0);
    CU_ASSERT_TRUE(renewal.window);
    CU_ASSERT_EQUAL(renewal.start, 1797739200);
    CU_ASSERT_EQUAL(renewal.end, renewal.start + DAY);
    CU_ASSERT_EQUAL(renewal.next, NOW + 6 * 3600);
    CU_ASSERT_STRING_EQUAL(renewal.explanation, "https://ca.example/why");
    CU_ASSERT_STRING_EQUAL(renewal.certificate, "");
}

static void test_none(void)
{
    CU_ASSERT_EQUAL(parse("{\"next\":\"2026-11-21T07:46:18Z\",\"explanationURL\":null}"), 0);
    CU_ASSERT_FALSE(renewal.window);
    CU_ASSERT_EQUAL(
        parse("{\"next\":\"2026-11-21T07:46:18Z\",\"explanationURL\":\"javascript:x\"}"), 0);
    CU_ASSERT_STRING_EQUAL(renewal.explanation, "");
}

/* RFC 9773 4.3.2: a day at most, also where a clock was wrong. */
static void test_next(void)
{
    CU_ASSERT_EQUAL(parse("{\"next\":\"2027-11-21T07:46:18Z\"}"), 0);
    CU_ASSERT_EQUAL(renewal.next, NOW + DAY);
    CU_ASSERT_EQUAL(parse("{\"next\":\"2020-11-21T07:46:18Z\"}"), 0);
    CU_ASSERT_TRUE(renewal.next < NOW);
}

static void test_malformed(void)
{
    static const char *const bad[] = {
        "",
        "pong",
        "[]",
        "{}",
        "{\"next\":5}",
        "{\"next\":\"tomorrow\"}",
        "{\"next\":\"2026-11-21T07:46:18Z\",\"next\":\"2026-11-21T07:46:18Z\"}",
        "{\"next\":\"2026-11-21T07:46:18Z\",\"suggestedWindow\":{}}",
        "{\"next\":\"2026-11-21T07:46:18Z\",\"suggestedWindow\":7}",
        "{\"next\":\"2026-11-21T07:46:18Z\"} and more",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(parse(bad[i]), ERR_MALFORMED);
        CU_ASSERT_FALSE(renewal.window);
    }
    CU_ASSERT_EQUAL(parse("{\"next\":\"2026-11-21T07:46:18Z\",\"suggestedWindow\":{\"start\":"
                          "\"2026-12-20T04:00:00Z\",\"end\":\"2026-12-20T04:00:00Z\"}}"),
                    ERR_MALFORMED); /* RFC 9773 4.2 */
    char *large = malloc(RENEWAL_FILE_MAX + 2);
    memset(large, ' ', RENEWAL_FILE_MAX + 1);
    large[RENEWAL_FILE_MAX + 1] = '\0';
    memcpy(large, "{\"next\":\"2026-11-21T07:46:18Z\"}", 31);
    CU_ASSERT_EQUAL(parse(large), ERR_MALFORMED);
    free(large);
}

static void test_kept(void)
{
    struct renewal kept = {
        .window = true, .start = NOW + DAY, .end = NOW + 2 * DAY, .next = NOW + 3600};
    struct err err = {0};
    uint8_t digest[32] = {0xab};
    renewal_digest(kept.certificate, digest);
    CU_ASSERT_EQUAL(strlen(kept.certificate), 64);
    strcpy(kept.explanation, "https://ca.example/\"why\"");
    CU_ASSERT_FALSE(renewal_load(&renewal, &files, kept.certificate, NOW));
    CU_ASSERT_NOT_EQUAL(renewal_store(&kept, &files, &err), 0); /* no such folder */
    CU_ASSERT_FALSE(renewal_is_ours(&files));
    mkdirat(files.folder, ".certmill", 0700);
    mkdirat(files.folder, ".certmill/a.example.rsa", 0700);
    CU_ASSERT_EQUAL(renewal_store(&kept, &files, &err), 0);
    CU_ASSERT_TRUE(renewal_load(&renewal, &files, kept.certificate, NOW));
    CU_ASSERT_EQUAL(memcmp(&renewal.start, &kept.start, 3 * sizeof(int64_t)), 0);
    CU_ASSERT_STRING_EQUAL(renewal.explanation, kept.explanation);
    CU_ASSERT_FALSE(renewal_load(&renewal, &files, "another", NOW));
    kept.window = false;
    CU_ASSERT_EQUAL(renewal_store(&kept, &files, &err), 0);
    CU_ASSERT_TRUE(renewal_load(&renewal, &files, kept.certificate, NOW));
    CU_ASSERT_FALSE(renewal.window);
    int fd = openat(files.folder, ".certmill/a.example.rsa/renewal.json", O_WRONLY | O_TRUNC);
    CU_ASSERT_TRUE(fd >= 0);
    close(fd);
    CU_ASSERT_FALSE(renewal_load(&renewal, &files, kept.certificate, NOW));
}

static void test_timestamps(void)
{
    char text[TIMESTAMP_SIZE];
    CU_ASSERT_STRING_EQUAL(timestamp_format(text, NOW), "2026-11-21T01:46:18Z");
    CU_ASSERT_STRING_EQUAL(timestamp_format(text, 0), "1970-01-01T00:00:00Z");
    CU_ASSERT_STRING_EQUAL(timestamp_format(text, INT64_MAX), "9999-12-31T23:59:59Z");
    CU_ASSERT_STRING_EQUAL(timestamp_format(text, INT64_MIN), "0001-01-01T00:00:00Z");
}

static int set_up(void)
{
    return mkdtemp(base) == NULL || (files.folder = open(base, O_RDONLY | O_DIRECTORY)) < 0 ? -1
                                                                                            : 0;
}

static int tear_down(void)
{
    close(files.folder);
    return folder_remove(base);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"answer", test_answer},       {"none", test_none}, {"next", test_next},
        {"malformed", test_malformed}, {"kept", test_kept}, {"timestamps", test_timestamps},
    };
    return RUN_WITH("renewal", cases, set_up, tear_down);
}

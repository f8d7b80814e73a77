/* Climbing to the CAA records that count (RFC 8659 3), and records as text. */
#include "client/caa.h"

#include <ldns/ldns.h>
#include <string.h>

#include "tests/unit/client/rows.h"
#include "tests/unit/common/run.h"

#define CAA LDNS_RR_TYPE_CAA

static const struct row rows[] = {
    {"example.com", CAA, "0 issue ca1.example.net"},
    {"example.com", CAA, "0 issuewild ;"},
    {"www.example.com", LDNS_RR_TYPE_A, "x"},
    {"other.example.com", CAA, "0 issue ca2.example.org"},
    /* X is an alias for Y: the records of Y count, not those of Y's parent (RFC 8659 3) */
    {"alias.example.com", CAA, ROW_ALIAS "target.example.net"},
    {"example.net", CAA, "0 issue ;"},
    {"broken.example", CAA, ROW_BOGUS},
    {"dead.example", CAA, ROW_FAILED},
    {"strict.dead.example", CAA, "0 issue ca1.example.net"},
    {"odd.example", CAA, "128 tbs a\"b\\c\x01\xff"},
};

static struct table table = {rows, sizeof(rows) / sizeof(rows[0]), 0};
static const struct asker asker = {rows_ask, &table};
static struct err err;

static void expect(const char *name, enum caa_relevance relevance, const char *level)
{
    struct caa_relevant relevant;
    CU_ASSERT_EQUAL_FATAL(caa_find(&relevant, &asker, name, &err), 0);
    CU_ASSERT_EQUAL(relevant.relevance, relevance);
    CU_ASSERT_STRING_EQUAL(relevant.level, level);
    caa_clear(&relevant);
}

static void test_climb(void)
{
    expect("a.b.www.example.com", CAA_FOUND, "example.com");
    expect("*.example.com", CAA_FOUND, "example.com");
    expect("example.com", CAA_FOUND, "example.com");
    expect("x.other.example.com", CAA_FOUND, "other.example.com");
    expect("www.nothing.example", CAA_NONE, "example");
    /* from the alias's own parent on, not from that of what it leads to */
    expect("alias.example.com", CAA_FOUND, "example.com");
    table.asked = 0;
    expect("a.b.www.example.com", CAA_FOUND, "example.com");
    CU_ASSERT_EQUAL(table.asked, 4); /* the top is not asked */
}

static void test_failures(void)
{
    expect("www.broken.example", CAA_FAILED, "broken.example");
    expect("dead.example", CAA_FAILED, "dead.example");
    expect("strict.dead.example", CAA_FOUND, "strict.dead.example"); /* found before */
    struct caa_relevant relevant;
    CU_ASSERT_TRUE(caa_find(&relevant, &asker, "a..b", &err) < 0);
    caa_clear(&relevant);
}

static void test_judge(void)
{
    static const char *const issuers[] = {"ca1.example.net"};
    struct caa_wish wish = {.method = "dns-01", .issuers = issuers, .issuer_count = 1};
    struct caa_relevant relevant;
    enum caa_verdict verdict;
    const char *tag;
    CU_ASSERT_EQUAL_FATAL(caa_find(&relevant, &asker, "www.example.com", &err), 0);
    CU_ASSERT_EQUAL(caa_judge_for(&verdict, &tag, &relevant, &wish), 0);
    CU_ASSERT_EQUAL(verdict, CAA_PERMITS);
    wish.wildcard = true;
    CU_ASSERT_EQUAL(caa_judge_for(&verdict, &tag, &relevant, &wish), 0);
    CU_ASSERT_EQUAL(verdict, CAA_FORBIDS);
    CU_ASSERT_STRING_EQUAL(tag, "issuewild");
    caa_clear(&relevant);
}

/* RFC 1035 5.1: foreign octets end no string and drive no terminal. */
static void test_text(void)
{
    struct caa_relevant relevant;
    char text[64];
    CU_ASSERT_EQUAL_FATAL(caa_find(&relevant, &asker, "odd.example", &err), 0);
    caa_text(text, sizeof(text), &relevant.answer.records[0]);
    CU_ASSERT_STRING_EQUAL(text, "128 tbs \"a\\\"b\\\\c\\001\\255\"");
    for (size_t cap = 32; cap < sizeof(text); cap++) {
        memset(text, 'x', sizeof(text));
        caa_text(text, cap, &relevant.answer.records[0]);
        CU_ASSERT_TRUE(strlen(text) < cap);
        CU_ASSERT_EQUAL(text[strlen(text) - 1], '"');
    }
    const struct dns_record bad = {.rdata = (const uint8_t *)"\0\x09x", .len = 3};
    caa_text(text, sizeof(text), &bad);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "cannot be read"));
    caa_clear(&relevant);
}

static void test_value(void)
{
    struct facts_account account = {.url = "https://ca.example/1", .issuer_count = 1};
    char *items[] = {(char[]){"dns-01"}, (char[]){"http-01"}}, value[CAA_VALUE];
    struct conf_strings methods = {items, 2};
    strcpy(account.issuers[0], "ca.example");
    caa_value_make(value, &account, &methods);
    CU_ASSERT_STRING_EQUAL(
        value, "ca.example; validationmethods=dns-01,http-01; accounturi=https://ca.example/1");
    methods.count = 0;
    caa_value_make(value, &account, &methods);
    CU_ASSERT_STRING_EQUAL(value, "ca.example; accounturi=https://ca.example/1");
    struct caa_value parsed;
    CU_ASSERT_EQUAL(caa_value_parse(&parsed, value, strlen(value)), 0);
}

int main(void)
{
    static const struct run_case cases[] = {{"climb", test_climb},
                                            {"failures", test_failures},
                                            {"judge", test_judge},
                                            {"text", test_text},
                                            {"value", test_value}};
    return RUN("caa", cases);
}

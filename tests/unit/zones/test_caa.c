/*
 * CAA: the examples of RFC 8659 4 and RFC 8657 4, the grammar, and records that are none.
 */
#include "zones/caa.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/common/run.h"

#define ACCOUNT "https://ca1.example.net/account/1234"

/* "FLAGS TAG VALUE" as rdata; returns its length. */
static size_t make(uint8_t dst[static 512], const char *text)
{
    unsigned flags = 0;
    char tag[64];
    int at = 0;

    CU_ASSERT_FATAL(sscanf(text, "%u %63s %n", &flags, tag, &at) == 2);
    dst[0] = (uint8_t)flags;
    dst[1] = (uint8_t)strlen(tag);
    memcpy(dst + 2, tag, strlen(tag));
    memcpy(dst + 2 + strlen(tag), text + at, strlen(text + at));
    return 2 + strlen(tag) + strlen(text + at);
}

static enum caa_verdict judge(const char *const *texts, bool wildcard, const char **tag)
{
    static const char *const issuers[] = {"ca1.example.net", "ca.example.com"};
    static uint8_t octets[8][512];
    struct caa_rdata set[8];
    const struct caa_wish wish = {.wildcard = wildcard,
                                  .method = "dns-01",
                                  .issuers = issuers,
                                  .issuer_count = 2,
                                  .account_url = ACCOUNT};
    size_t count = 0;

    for (; texts[count] != NULL; count++) {
        set[count] = (struct caa_rdata){octets[count], make(octets[count], texts[count])};
    }
    return caa_judge(set, count, &wish, tag);
}

struct row {
    const char *texts[5];
    enum caa_verdict plain, wild;
};

static void judge_rows(const struct row *rows, size_t count)
{
    const char *tag;

    for (size_t i = 0; i < count; i++) {
        enum caa_verdict plain = judge(rows[i].texts, false, &tag);

        CU_ASSERT_STRING_EQUAL(tag, "issue");
        enum caa_verdict wild = judge(rows[i].texts, true, &tag);

        if (plain != rows[i].plain || wild != rows[i].wild) {
            printf("\n  -- %s: %s, %s\n", rows[i].texts[0], caa_verdict_text(plain),
                   caa_verdict_text(wild));
        }
        CU_ASSERT(plain == rows[i].plain && wild == rows[i].wild);
    }
}

/* RFC 8659 4.2 to 4.5, with their own records. */
static void test_examples(void)
{
    static const struct row rows[] = {
        {{"0 issue ca1.example.net"}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ca1.example.net; account=230123"}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ca2.example.org"}, CAA_FORBIDS, CAA_FORBIDS},
        {{"0 issue ca2.example.org", "0 issue ca1.example.net"}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ;"}, CAA_FORBIDS, CAA_FORBIDS},
        {{"0 issue ;", "0 issue ca1.example.net"}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue %%%%%"}, CAA_FORBIDS, CAA_FORBIDS},
        /* 4.3: issuewild takes the place of issue for wildcards */
        {{"0 issue ca1.example.net", "0 issuewild ca2.example.org"}, CAA_PERMITS, CAA_FORBIDS},
        {{"0 issue ca2.example.org", "0 issuewild ca1.example.net"}, CAA_FORBIDS, CAA_PERMITS},
        {{"0 issue ca1.example.net", "0 issuewild ;"}, CAA_PERMITS, CAA_FORBIDS},
        {{"0 issuewild ca2.example.org"}, CAA_PERMITS, CAA_FORBIDS},
        /* 4.4: restricts nothing */
        {{"0 iodef mailto:security@example.com"}, CAA_PERMITS, CAA_PERMITS},
        /* 4.5 */
        {{"0 issue ca1.example.net", "128 tbs Unknown"}, CAA_CRITICAL, CAA_CRITICAL},
        {{"0 issue ca1.example.net", "0 tbs Unknown"}, CAA_PERMITS, CAA_PERMITS},
        {{"128 issue ca1.example.net"}, CAA_PERMITS, CAA_PERMITS},
        {{"127 tbs Unknown", "0 issue CA1.Example.NET"}, CAA_PERMITS, CAA_PERMITS},
        /* 4.1: tags are matched whatever their case */
        {{"0 ISSUE ca2.example.org"}, CAA_FORBIDS, CAA_FORBIDS},
    };

    judge_rows(rows, sizeof rows / sizeof *rows);
}

/* RFC 8657 3 and 4. */
static void test_parameters(void)
{
    static const struct row rows[] = {
        {{"0 issue ca1.example.net; accounturi=" ACCOUNT}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ca1.example.net; ACCOUNTURI=" ACCOUNT}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ca1.example.net; accounturi=" ACCOUNT "5"}, CAA_ACCOUNT, CAA_ACCOUNT},
        {{"0 issue ca1.example.net; accounturi=https://CA1.example.net/account/1234"},
         CAA_ACCOUNT,
         CAA_ACCOUNT},
        {{"0 issue ca1.example.net; accounturi="}, CAA_ACCOUNT, CAA_ACCOUNT},
        {{"0 issue ca1.example.net; accounturi=" ACCOUNT "; accounturi=" ACCOUNT},
         CAA_ACCOUNT,
         CAA_ACCOUNT},
        {{"0 issue ca1.example.net; validationmethods=dns-01"}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ca1.example.net; validationmethods=http-01,dns-01"}, CAA_PERMITS, CAA_PERMITS},
        {{"0 issue ca1.example.net; validationmethods=http-01"}, CAA_METHOD, CAA_METHOD},
        {{"0 issue ca1.example.net; validationmethods="}, CAA_METHOD, CAA_METHOD},
        {{"0 issue ca1.example.net; validationmethods=dns-012,xdns-01"}, CAA_METHOD, CAA_METHOD},
        {{"0 issue ca1.example.net; accounturi=x; validationmethods=http-01"},
         CAA_ACCOUNT,
         CAA_ACCOUNT},
        /* one of several is enough */
        {{"0 issue ca1.example.net; accounturi=x", "0 issue ca.example.com"},
         CAA_PERMITS,
         CAA_PERMITS},
    };

    judge_rows(rows, sizeof rows / sizeof *rows);
}

/* Who does not know the CA's name or account judges only what forbids all. */
static void test_not_known(void)
{
    static const struct caa_wish wish = {.method = "dns-01"};
    uint8_t octets[512];
    struct caa_rdata one = {octets, make(octets, "0 issue ca2.example.org; accounturi=x")};
    const char *tag;

    CU_ASSERT_EQUAL(caa_judge(&one, 1, &wish, &tag), CAA_PERMITS);
    one.len = make(octets, "0 issue ;");
    CU_ASSERT_EQUAL(caa_judge(&one, 1, &wish, &tag), CAA_FORBIDS);
}

/* RFC 8659 4.1: the tag has at least one octet and lies within the record. */
static void test_no_records(void)
{
    static const uint8_t octets[] = {0, 5, 'i', 's', 's', 'u', 'e'};
    static const uint8_t empty_tag[] = {0, 0, 'x'};
    static const struct caa_wish wish = {.method = "dns-01"};
    struct caa_property p;
    struct caa_rdata one = {empty_tag, sizeof empty_tag};
    const char *tag;

    CU_ASSERT_EQUAL(caa_property_read(&p, &one), ERR_MALFORMED);
    for (size_t len = 0; len < sizeof octets; len++) {
        one = (struct caa_rdata){octets, len};
        CU_ASSERT_EQUAL(caa_property_read(&p, &one), ERR_MALFORMED);
        CU_ASSERT_EQUAL(caa_judge(&one, 1, &wish, &tag), CAA_FORBIDS);
    }
    one.len = sizeof octets;
    CU_ASSERT_EQUAL(caa_property_read(&p, &one), 0);
    CU_ASSERT(p.value_len == 0 && caa_property_is(&p, "Issue"));
    CU_ASSERT_EQUAL(caa_judge(&one, 1, &wish, &tag), CAA_FORBIDS);
}

/* RFC 8659 4.2: the grammar of a value. */
static void test_values(void)
{
    static const struct {
        const char *text;
        int ret;
        size_t issuer;
    } rows[] = {{"", 0, 0},
                {" \t", 0, 0},
                {";", 0, 0},
                {"ca.example", 0, 10},
                {" ca.example ", 0, 10},
                {"ca.example;", 0, 10},
                {"ca.example; a=b; c=", 0, 10},
                {"ca.example; a = b ", 0, 10},
                {"; a=b", 0, 0},
                {"ca..example", ERR_MALFORMED, 0},
                {"ca-", ERR_MALFORMED, 0},
                {"-ca", ERR_MALFORMED, 0},
                {"ca example", ERR_MALFORMED, 0},
                {"ca.example a=b", ERR_MALFORMED, 0},
                {"ca.example; a", ERR_MALFORMED, 0},
                {"ca.example; =b", ERR_MALFORMED, 0},
                {"ca.example; a=b c=d", ERR_MALFORMED, 0},
                {"ca.example; a=\x80", ERR_MALFORMED, 0}};
    struct caa_parameter p;
    struct caa_value value;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int ret = caa_value_parse(&value, rows[i].text, strlen(rows[i].text));

        if (ret != rows[i].ret)
            printf("\n  -- \"%s\"\n", rows[i].text);
        CU_ASSERT_EQUAL(ret, rows[i].ret);
        if (ret == 0)
            CU_ASSERT_EQUAL(value.issuer_len, rows[i].issuer);
    }
    CU_ASSERT_EQUAL(caa_value_parse(&value, "x; a=b;c=d", 10), 0);
    CU_ASSERT_EQUAL(caa_value_next(&value, &p), 1);
    CU_ASSERT_TRUE(caa_parameter_is(&p, "A"));
    CU_ASSERT_EQUAL(caa_value_next(&value, &p), 1);
    CU_ASSERT_TRUE(caa_parameter_is(&p, "c"));
    CU_ASSERT_EQUAL(caa_value_next(&value, &p), 0);
}

int main(void)
{
    static const struct run_case cases[] = {{"examples", test_examples},
                                            {"parameters", test_parameters},
                                            {"not known", test_not_known},
                                            {"no records", test_no_records},
                                            {"values", test_values}};

    return RUN("caa", cases);
}

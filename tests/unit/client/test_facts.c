/* What servers say of themselves: ours, an original one, and what is neither. */
#include "client/facts.h"

#include <string.h>

#include "tests/unit/common/run.h"

static struct err err;
static char zone[LIMIT_DOMAIN_TEXT + 1];

static int parse_zone(const char *text)
{
    err = (struct err){0};
    return facts_zone_parse(zone, text, strlen(text), &err);
}

static void test_zone(void)
{
    CU_ASSERT_EQUAL(parse_zone("acme-server-url: \"https://ca.example/dir\"\n"
                               "clients:\n  - name: web\n    domains: [\"a.example\"]\n"
                               "zones:\n  - name: \"acme.example.com\"\n  - name: second.example\n"
                               "authorities:\n  - name: \"x\"\n"),
                    0);
    CU_ASSERT_STRING_EQUAL(zone, "acme.example.com");
    CU_ASSERT_EQUAL(parse_zone("zones: [{file: x, name: ACME.example.}]"), 0);
    CU_ASSERT_STRING_EQUAL(zone, "acme.example");
    CU_ASSERT_EQUAL(parse_zone("{'acme-email': None, 'acme-zone': 'acme.example', 'x': [1, {}]}"),
                    0);
    CU_ASSERT_STRING_EQUAL(zone, "acme.example");
    CU_ASSERT_EQUAL(parse_zone("? {zones: [{name: no.example}]}\n: x\nzones: [{name: a.example}]"),
                    0);
    CU_ASSERT_STRING_EQUAL(zone, "a.example");
}

static void test_no_zone(void)
{
    static const struct {
        const char *text;
        int ret;
    } rows[] = {
        {"", ERR_MALFORMED},
        {"pong", ERR_MALFORMED},
        {"- zones", ERR_MALFORMED},
        {"a: b\n", ERR_NOT_FOUND},
        {"zones: x\n", ERR_NOT_FOUND},
        {"zones: []\n", ERR_NOT_FOUND},
        {"zones: [x, [y], {file: z}]\n", ERR_NOT_FOUND},
        {"zones: {name: a.example}\n", ERR_NOT_FOUND},
        {"zones: [{name: [a.example]}]\n", ERR_MALFORMED},
        {"zones: [{name: \"a b\"}]\n", ERR_MALFORMED},
        {"zones: [{name: \"a.example\\0x\"}]\n", ERR_MALFORMED},
        {"zones: [{name: *a}]\n", ERR_MALFORMED},
        {"zones: [{name: a.example}\n", ERR_MALFORMED},
        {"zones: [{name: \"\"}]\n", ERR_MALFORMED},
        {"\tx", ERR_MALFORMED},
        {"zones:\n  - name: \"a.example\"\n}", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int ret = parse_zone(rows[i].text);
        if (ret != rows[i].ret) {
            printf("\n  -- %s: %d\n", rows[i].text, ret);
        }
        CU_ASSERT_EQUAL(ret, rows[i].ret);
        CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
        CU_ASSERT_EQUAL(zone[0], '\0');
    }
}

static struct facts_account account;

static int parse_account(const char *text)
{
    err = (struct err){0};
    return facts_account_parse(&account, text, &err);
}

static void test_account(void)
{
    CU_ASSERT_EQUAL(parse_account("ACME account\n  Directory URL: https://ca.example/dir\n"
                                  "  Account URL: https://ca.example/1\n"
                                  "  CAA identities: ca.example, CA.test\n"),
                    0);
    CU_ASSERT_STRING_EQUAL(account.url, "https://ca.example/1");
    CU_ASSERT_EQUAL(account.issuer_count, 2);
    CU_ASSERT_STRING_EQUAL(account.issuers[0], "ca.example");
    CU_ASSERT_STRING_EQUAL(account.issuers[1], "ca.test");
    /* an original one */
    CU_ASSERT_EQUAL(parse_account("Account details for server x:\r\n"
                                  "  Account URL: "
                                  "https://acme-v02.api.letsencrypt.org/acme/acct/17\r\n"
                                  "  Email contact: none"),
                    0);
    CU_ASSERT_STRING_EQUAL(account.url, "https://acme-v02.api.letsencrypt.org/acme/acct/17");
    CU_ASSERT_EQUAL(account.issuer_count, 1);
    CU_ASSERT_STRING_EQUAL(account.issuers[0], "letsencrypt.org");
}

/* Whose name the URL does not say is not guessed. */
static void test_issuer_not_known(void)
{
    static const char *const urls[] = {"https://ca.example/1",
                                       "https://ca.example/x.api.letsencrypt.org/1",
                                       "https://a.api.letsencrypt.org.ca.example/1",
                                       "https://a.api.letsencrypt.org@ca.example/1",
                                       "https://api.letsencrypt.org.example",
                                       "https://fakeapi.letsencrypt.org/1"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "  Account URL: %s\n", urls[i]);
        CU_ASSERT_EQUAL(parse_account(text), 0);
        CU_ASSERT_EQUAL(account.issuer_count, 0);
    }
}

/* The values go into a zone file between quotes (RFC 8659 4.2). */
static void test_no_account(void)
{
    static const struct {
        const char *text;
        int ret;
    } rows[] = {
        {"", ERR_NOT_FOUND},
        {"Account URL: https://ca.example/1\n", ERR_NOT_FOUND},
        {"x  Account URL: https://ca.example/1\n", ERR_NOT_FOUND},
        {"  Account URL: \n", ERR_MALFORMED},
        {"  Account URL: ftp://x\n", ERR_MALFORMED},
        {"  Account URL: https://ca.example/1; policy=x\n", ERR_MALFORMED},
        {"  Account URL: https://ca.example/1;x\n", ERR_MALFORMED},
        {"  Account URL: https://ca.example/1\"\n", ERR_MALFORMED},
        {"  Account URL: https://ca.example/1\\\n", ERR_MALFORMED},
        {"  Account URL: https://ca.example/\x1b[2J\n", ERR_MALFORMED},
        {"  Account URL: https://ca.example/\xc3\xb8\n", ERR_MALFORMED},
        {"  Account URL: https://a\n  CAA identities: a b\n", ERR_MALFORMED},
        {"  Account URL: https://a\n  CAA identities: a.example,,b.example\n", ERR_MALFORMED},
        {"  Account URL: https://a\n  CAA identities: \";\"\n", ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int ret = parse_account(rows[i].text);
        if (ret != rows[i].ret) {
            printf("\n  -- %s: %d\n", rows[i].text, ret);
        }
        CU_ASSERT_EQUAL(ret, rows[i].ret);
        CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
    }
}

static void test_much(void)
{
    char text[8000] = "  Account URL: https://a\n  CAA identities: ";
    for (int i = 0; i < 100; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "ca%d.example, ", i);
    }
    CU_ASSERT_EQUAL(parse_account(text), 0);
    CU_ASSERT_EQUAL(account.issuer_count, LIMIT_CAA_IDENTITIES);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "  Account URL: https://", 23);
    CU_ASSERT_EQUAL(parse_account(text), ERR_MALFORMED);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"zone", test_zone},
        {"no zone", test_no_zone},
        {"account", test_account},
        {"issuer not known", test_issuer_not_known},
        {"no account", test_no_account},
        {"much", test_much},
    };
    return RUN("facts", cases);
}

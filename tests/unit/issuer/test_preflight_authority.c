#include "tests/unit/issuer/preflight_lab.h"

/* -- CAA -- */

#define NAMED(n, ...)                                                                              \
    ALIAS(n, n ZONE "."),                                                                          \
    {                                                                                              \
        .name = n, .records = __VA_ARGS__                                                          \
    }

static const struct fake_row caas[] = {
    NAMED("permits.example.", "permits.example. CAA 0 issue \"ca.example\""),
    NAMED("upper.example.", "upper.example. CAA 0 ISSUE \" CA.Example ; foo=bar\""),
    NAMED("other.example.", "other.example. CAA 0 issue \"other.test\""),
    NAMED("nobody.example.", "nobody.example. CAA 0 issue \";\""),
    NAMED("empty.example.", "empty.example. CAA 0 issue \"\""),
    NAMED("bad.example.", "bad.example. CAA 0 issue \"ca.example; %%%\""),
    NAMED("iodef.example.", "iodef.example. CAA 0 iodef \"mailto:x@example\""),
    NAMED("critical.example.", "critical.example. CAA 128 tbs \"x\"\n"
                               "critical.example. CAA 0 issue \"ca.example\""),
    NAMED("known.example.", "known.example. CAA 128 issue \"ca.example\""),
    NAMED("wildonly.example.", "wildonly.example. CAA 0 issuewild \"ca.test\"\n"
                               "wildonly.example. CAA 0 issue \";\""),
    NAMED("nowild.example.", "nowild.example. CAA 0 issuewild \";\"\n"
                             "nowild.example. CAA 0 issue \"ca.example\""),
    NAMED("account.example.",
          "account.example. CAA 0 issue \"ca.example; accounturi=" ACCOUNT "\""),
    NAMED("stranger.example.",
          "stranger.example. CAA 0 issue \"ca.example; accounturi=" ACCOUNT "23\""),
    NAMED("twice.example.", "twice.example. CAA 0 issue \"ca.example; accounturi=" ACCOUNT
                            "; accounturi=" ACCOUNT "\""),
    NAMED("method.example.",
          "method.example. CAA 0 issue \"ca.example; validationmethods=http-01,dns-01\""),
    NAMED("http.example.", "http.example. CAA 0 issue \"ca.example; validationmethods=http-01\""),
    NAMED("a.b.other.example.", "a.b.other.example. A 192.0.2.1"),
    NAMED("alias.example.", "alias.example. CNAME permits.example."),
    NAMED("sub.alias.example.", "sub.alias.example. A 192.0.2.1"),
    ALIAS("nocaa.example.", "nocaa.example." ZONE "."),
    ALIAS("lame.example.", "lame.example." ZONE "."),
    {.name = "lame.example.", .how = FAKE_SERVFAIL},
    ALIAS("signed.example.", "signed.example." ZONE "."),
    {.name = "signed.example.", .how = FAKE_BOGUS, .records = "signed.example. A 192.0.2.1"},
};

static void expect_caa(const char *name, enum preflight_severity severity, const char *text)
{
    struct lab lab;

    lab_open(&lab, ROWS(caas));
    check_one(&lab, name);
    if (!has(&lab, "caa", severity, text) || worst(&lab) != (unsigned)severity)
        printf("\n  -- %s\n", name);
    CU_ASSERT_TRUE(has(&lab, "caa", severity, text));
    CU_ASSERT_EQUAL(worst(&lab), severity);
    lab_close(&lab);
}

/* RFC 8659 4.2 (issue), 4.3 (issuewild), 4.5 (critical) */
static void test_caa(void)
{
    expect_caa("permits.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("*.permits.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("upper.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("other.example", PREFLIGHT_DEFINITE,
               "publish \"other.example. CAA 0 issue \"ca.example; accounturi=" ACCOUNT "\"\"");
    expect_caa("nobody.example", PREFLIGHT_DEFINITE, "do not permit it");
    expect_caa("empty.example", PREFLIGHT_DEFINITE, "do not permit it");
    expect_caa("bad.example", PREFLIGHT_DEFINITE, "do not permit it");
    expect_caa("iodef.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("critical.example", PREFLIGHT_DEFINITE, "critical");
    expect_caa("known.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("wildonly.example", PREFLIGHT_DEFINITE, "do not permit it");
    expect_caa("*.wildonly.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("nowild.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("*.nowild.example", PREFLIGHT_DEFINITE, "CAA 0 issuewild \"ca.example");
}

/* RFC 8659 3: up to the top, aliases followed; the parent is the domain's, not its alias's. */
static void test_climb(void)
{
    expect_caa("a.b.other.example", PREFLIGHT_DEFINITE, "the CAA records of other.example");
    expect_caa("alias.example", PREFLIGHT_GOOD, "of permits.example permit ca");
    expect_caa("sub.alias.example", PREFLIGHT_GOOD, "of permits.example permit ca");
    expect_caa("nocaa.example", PREFLIGHT_GOOD, "has no CAA records, nor has any name above");
    expect_caa("lame.example", PREFLIGHT_TEMPORARY, "SERVFAIL");
}

static void test_caa_bogus(void)
{
    struct lab lab;

    lab_open(&lab, ROWS(caas));
    check_one(&lab, "signed.example");
    CU_ASSERT_TRUE(has(&lab, "dnssec", PREFLIGHT_DEFINITE, "signed.example"));
    lab_close(&lab);
}

/* RFC 8657 3, 4 */
static void test_parameters(void)
{
    expect_caa("account.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("stranger.example", PREFLIGHT_DEFINITE, "for another account only");
    expect_caa("twice.example", PREFLIGHT_DEFINITE, "for another account only");
    expect_caa("method.example", PREFLIGHT_GOOD, "permit ca");
    expect_caa("http.example", PREFLIGHT_DEFINITE, "by another validation method");
}

/* Which of two CAs; one whose names are not known; an account that is not known. */
static void test_authorities(void)
{
    static const char *other_names[] = {"other.test"};
    const struct preflight_authority both[] = {{&ca, ca_names, 2, NULL},
                                               {&other, other_names, 1, NULL}};
    const struct preflight_authority unknown = {&other, NULL, 0, NULL};
    char *names[] = {(char *)"other.example"}, *account[] = {(char *)"stranger.example"},
         *nobody[] = {(char *)"nobody.example"};
    struct lab lab;

    lab_open(&lab, ROWS(caas));
    begin(&lab, names, 1, both, 2);
    finish(&lab, 1);
    CU_ASSERT_TRUE(has(&lab, "caa", PREFLIGHT_DEFINITE, "ca may not issue for other.example"));
    CU_ASSERT_TRUE(has(&lab, "caa", PREFLIGHT_GOOD, "permit other"));
    begin(&lab, account, 1, both, 1);
    finish(&lab, 2);
    CU_ASSERT_TRUE(has(&lab, "caa", PREFLIGHT_GOOD, "permit ca"));
    begin(&lab, names, 1, &unknown, 1);
    finish(&lab, 3);
    CU_ASSERT_TRUE(has(&lab, "caa", PREFLIGHT_GOOD, "are not judged"));
    begin(&lab, nobody, 1, &unknown, 1);
    finish(&lab, 4);
    CU_ASSERT_TRUE(has(&lab, "caa", PREFLIGHT_DEFINITE, "do not permit it; remove it"));
    lab_close(&lab);
}

/* -- the other challenges -- */

static const struct fake_row others[] = {
    {.name = "_validation-persist.good.example.",
     .records = "_validation-persist.good.example. TXT \"ca.example; accounturi=" ACCOUNT
                "; \" \"policy=wildcard; persistUntil=99999999999\""},
    {.name = "_validation-persist.past.example.",
     .records = "_validation-persist.past.example. TXT \"ca.example; accounturi=" ACCOUNT
                "; persistUntil=5\""},
    {.name = "_validation-persist.plain.example.",
     .records = "_validation-persist.plain.example. TXT \"ca.example; accounturi=" ACCOUNT "\""},
    {.name = "_validation-persist.lame.example.", .how = FAKE_SERVFAIL},
};

static void expect_persist(const char *name, enum preflight_severity severity, const char *text)
{
    const struct authority persist = {.name = "ca", .challenge = ORDER_DNS_PERSIST_01};
    const struct preflight_authority authority = {&persist, ca_names, 2, ACCOUNT};
    char *names[] = {(char *)(uintptr_t)name};
    struct lab lab;

    lab_open(&lab, ROWS(others));
    begin(&lab, names, 1, &authority, 1);
    finish(&lab, 1);
    CU_ASSERT_TRUE(has(&lab, "cname", severity, text));
    lab_close(&lab);
}

/* draft-ietf-acme-dns-persist */
static void test_persist(void)
{
    expect_persist("good.example", PREFLIGHT_GOOD, "names ca");
    expect_persist("*.good.example", PREFLIGHT_GOOD, "names ca");
    expect_persist("past.example", PREFLIGHT_DEFINITE, "has no TXT record that permits ca");
    expect_persist("plain.example", PREFLIGHT_GOOD, "names ca");
    expect_persist("*.plain.example", PREFLIGHT_DEFINITE, "policy=wildcard");
    expect_persist(
        "none.example", PREFLIGHT_DEFINITE,
        "publish \"_validation-persist.none.example. TXT \"ca.example; accounturi=" ACCOUNT "\"\"");
    expect_persist("lame.example", PREFLIGHT_TEMPORARY, "SERVFAIL");
}

/* draft-ietf-acme-dns-account-label 3.2: its example */
static void test_account(void)
{
    const struct authority account = {.name = "ca", .challenge = ORDER_DNS_ACCOUNT_01};
    const struct preflight_authority authority = {&account, ca_names, 2,
                                                  "https://example.com/acme/acct/ExampleAccount"};
    char label[PREFLIGHT_ACCOUNT_LABEL], *names[] = {(char *)"www.example"};
    struct lab lab;

    CU_ASSERT_EQUAL(preflight_account_label(label, authority.account_url), 0);
    CU_ASSERT_STRING_EQUAL(label, "_ujmmovf2vn55tgye");
    lab_open(&lab, ROWS(others));
    begin(&lab, names, 1, &authority, 1);
    finish(&lab, 1);
    CU_ASSERT_TRUE(has(&lab, "cname", PREFLIGHT_DEFINITE,
                       "publish \"_ujmmovf2vn55tgye._acme-challenge.www.example. CNAME "
                       "www.example." ZONE ".\""));
    lab_close(&lab);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"caa", test_caa},
        {"climb", test_climb},
        {"caa_bogus", test_caa_bogus},
        {"parameters", test_parameters},
        {"authorities", test_authorities},
        {"persist", test_persist},
        {"account", test_account},
    };

    return RUN("preflight_authority", cases);
}

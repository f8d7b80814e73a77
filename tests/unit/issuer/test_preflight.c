#include "issuer/preflight.h"

#include "issuer/preflight_priv.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/fake_dns.h"
#include "tests/unit/issuer/publisher_fixture.h"

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])
#define ACCOUNT    "https://ca.example/acct/1"

struct lab {
    struct fixture f; /* first: its clock's argument */
    struct fake_dns dns;
    struct preflight *preflight;
    struct preflight_check *check;
    struct server_conf conf;
    char *resolver;
    char probe[LIMIT_CHALLENGE_TXT + 1];
    bool hide; /* the zone is not delegated to us */
    unsigned done;
    size_t count;
    struct {
        char name[256], kind[16], authority[32], text[LIMIT_PREFLIGHT_TEXT + 1];
        enum preflight_severity severity;
    } found[64];
};

static const char *ca_names[] = {"ca.example", "ca.test"};
static const struct authority ca = {.name = "ca", .directory = "https://ca.example/dir"};
static const struct authority other = {.name = "other", .directory = "https://other.example/dir"};

static void on_record(void *arg, const char *zone, const char *name, const char *value,
                      uint64_t order, int64_t expires)
{
    struct lab *lab = arg;

    (void)zone;
    (void)order;
    (void)expires;
    if (strncmp(name, "probe-", 6) == 0)
        (void)snprintf(lab->probe, sizeof lab->probe, "%s", value);
}

/* What our nameserver would answer. */
static const char *txt(void *arg, const char *name)
{
    struct lab *lab = arg;

    lab->probe[0] = '\0';
    publisher_each(lab->f.publisher, on_record, lab);
    return !lab->hide && strncmp(name, "probe-", 6) == 0 && lab->probe[0] != '\0' ? lab->probe
                                                                                  : NULL;
}

static void on_done(void *arg, const struct preflight_finding *findings, size_t count)
{
    struct lab *lab = arg;

    lab->done++;
    lab->count = count;
    for (size_t i = 0; i < count && i < 64; i++) {
        (void)snprintf(lab->found[i].name, 256, "%s",
                       findings[i].name != NULL ? findings[i].name : "");
        (void)snprintf(lab->found[i].authority, 32, "%s",
                       findings[i].authority != NULL ? findings[i].authority : "");
        (void)snprintf(lab->found[i].kind, 16, "%s", findings[i].kind);
        (void)snprintf(lab->found[i].text, sizeof lab->found[i].text, "%s", findings[i].text);
        lab->found[i].severity = findings[i].severity;
    }
}

static void lab_open(struct lab *lab, const struct fake_row *rows, size_t count)
{
    struct preflight_options options = {.loop = &lab->f.loop, .clock = &lab->f.clock};

    memset(lab, 0, sizeof *lab);
    set_up(&lab->f);
    acknowledge(&lab->f);
    fake_dns_open(&lab->dns, &lab->f.loop, rows, count);
    lab->dns.txt = txt;
    lab->dns.arg = lab;
    lab->resolver = lab->dns.address;
    lab->conf.resolver = (struct conf_strings){&lab->resolver, 1};
    lab->conf.zones.rows = &plain_zone;
    lab->conf.zones.count = 1;
    options.conf = &lab->conf;
    options.publisher = lab->f.publisher;
    options.dns_port = lab->dns.port;
    CU_ASSERT_EQUAL_FATAL(preflight_new(&lab->preflight, &options), 0);
}

static void lab_close(struct lab *lab)
{
    preflight_free(lab->preflight);
    fake_dns_close(&lab->dns, &lab->f.loop);
    tear_down(&lab->f);
}

static void begin(struct lab *lab, char *const *names, size_t count,
                  const struct preflight_authority *authorities, size_t authority_count)
{
    struct preflight_request request = {.names = names,
                                        .name_count = count,
                                        .authorities = authorities,
                                        .authority_count = authority_count};
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(
        preflight_start(lab->preflight, &request, on_done, lab, &lab->check, &err), 0);
}

static void finish(struct lab *lab, unsigned done)
{
    while (lab->done < done) {
        (void)uv_run(&lab->f.loop, UV_RUN_ONCE);
        if (fake_dnsd_read(&lab->f.dnsd) > 0)
            fake_dnsd_ack(&lab->f.dnsd, lab->f.dnsd.generation);
    }
}

/* Nothing is under way to dnsd any more. */
static void settle(struct lab *lab)
{
    turn(&lab->f);
    while (fake_dnsd_read(&lab->f.dnsd) > 0) {
        fake_dnsd_ack(&lab->f.dnsd, lab->f.dnsd.generation);
        turn(&lab->f);
    }
}

static const struct preflight_authority ca_of_account = {&ca, ca_names, 2, ACCOUNT};

static void check_one(struct lab *lab, const char *name)
{
    char *names[] = {(char *)(uintptr_t)name};

    begin(lab, names, 1, &ca_of_account, 1);
    finish(lab, lab->done + 1);
}

/* Whether there is a finding of this kind and severity whose text holds that. */
static bool has(const struct lab *lab, const char *kind, enum preflight_severity severity,
                const char *text)
{
    for (size_t i = 0; i < lab->count; i++)
        if (strcmp(lab->found[i].kind, kind) == 0 && lab->found[i].severity == severity &&
            strstr(lab->found[i].text, text) != NULL)
            return true;
    for (size_t i = 0; i < lab->count; i++)
        printf("\n  [%s %d %s] %s", lab->found[i].kind, (int)lab->found[i].severity,
               lab->found[i].authority, lab->found[i].text);
    return false;
}

static unsigned worst(const struct lab *lab)
{
    unsigned severity = PREFLIGHT_GOOD;

    for (size_t i = 0; i < lab->count; i++)
        severity = lab->found[i].severity > severity ? lab->found[i].severity : severity;
    return severity;
}

/* -- CNAME -- */

#define CNAME(domain, target) "_acme-challenge." domain " CNAME " target
#define ALIAS(domain, target)                                                                      \
    {                                                                                              \
        .name = "_acme-challenge." domain, .records = CNAME(domain, target)                        \
    }

static const struct fake_row cnames[] = {
    ALIAS("good.example.", "good.example." ZONE "."),
    ALIAS("long.example.", "step1.example."),
    {.name = "step1.example.", .records = "step1.example. CNAME step2.example."},
    {.name = "step2.example.", .records = "step2.example. CNAME LONG.example." ZONE "."},
    {.name = "_acme-challenge.txt.example.",
     .records = "_acme-challenge.txt.example. TXT \"left behind\""},
    ALIAS("loop.example.", "loop1.example."),
    {.name = "loop1.example.", .records = "loop1.example. CNAME loop2.example."},
    {.name = "loop2.example.", .records = "loop2.example. CNAME loop1.example."},
    ALIAS("gone.example.", "nothing.example."),
    ALIAS("typo.example.", "typo.example.acme.exmaple.com."),
    ALIAS("dot.example.", "dot.example." ZONE ".example."),
    ALIAS("mine.example.", "others.example.net." ZONE "."),
    ALIAS("near.example.", "naer.example." ZONE "."),
    ALIAS("web.example.", "there.example."),
    {.name = "there.example.", .records = "there.example. A 192.0.2.1"},
    ALIAS("servfail.example.", "x.example."),
    {.name = "x.example.", .how = FAKE_SERVFAIL},
    {.name = "_acme-challenge.bogus.example.",
     .how = FAKE_BOGUS,
     .records = CNAME("bogus.example.", "bogus.example." ZONE ".")},
    ALIAS("many.example.", "m1.example."),
    {.name = "m1.example.", .records = "m1.example. CNAME m2.example."},
    {.name = "m2.example.", .records = "m2.example. CNAME m3.example."},
    {.name = "m3.example.", .records = "m3.example. CNAME m4.example."},
    {.name = "m4.example.", .records = "m4.example. CNAME m5.example."},
    {.name = "m5.example.", .records = "m5.example. CNAME m6.example."},
    {.name = "m6.example.", .records = "m6.example. CNAME m7.example."},
    {.name = "m7.example.", .records = "m7.example. CNAME m8.example."},
    {.name = "m8.example.", .records = "m8.example. CNAME m9.example."},
};

static void expect_cname(const char *name, enum preflight_severity severity, const char *text)
{
    char record[600];
    struct lab lab;

    lab_open(&lab, ROWS(cnames));
    check_one(&lab, name);
    CU_ASSERT_TRUE(has(&lab, "cname", severity, text));
    CU_ASSERT_EQUAL(worst(&lab), severity);
    if (severity == PREFLIGHT_DEFINITE) {
        const char *plain = strncmp(name, "*.", 2) == 0 ? name + 2 : name;

        (void)snprintf(record, sizeof record, "publish \"_acme-challenge.%s. CNAME %s." ZONE ".\"",
                       plain, plain);
        CU_ASSERT_TRUE(has(&lab, "cname", severity, record));
    }
    CU_ASSERT_EQUAL(publisher_live(lab.f.publisher), 0);
    lab_close(&lab);
}

/* RFC 8555 8.4 */
static void test_cname(void)
{
    expect_cname("good.example", PREFLIGHT_GOOD, "leads to good.example." ZONE);
    expect_cname("*.good.example", PREFLIGHT_GOOD, "leads to good.example." ZONE);
    expect_cname("long.example", PREFLIGHT_GOOD, "leads to long.example." ZONE);
    expect_cname("none.example", PREFLIGHT_DEFINITE, "has no CNAME");
    expect_cname("*.none.example", PREFLIGHT_DEFINITE, "has no CNAME");
    expect_cname("txt.example", PREFLIGHT_DEFINITE, "TXT records of its own");
    expect_cname("loop.example", PREFLIGHT_DEFINITE, "loop");
    expect_cname("many.example", PREFLIGHT_DEFINITE, "too many CNAMEs");
    expect_cname("servfail.example", PREFLIGHT_TEMPORARY, "SERVFAIL");
}

static void test_target(void)
{
    expect_cname("gone.example", PREFLIGHT_DEFINITE, "nothing.example, which does not exist");
    expect_cname("typo.example", PREFLIGHT_DEFINITE, "mistyped: 2 characters differ");
    expect_cname("dot.example", PREFLIGHT_DEFINITE, "the dot behind the target is missing");
    expect_cname("mine.example", PREFLIGHT_DEFINITE, "not the name of this domain's record");
    expect_cname("near.example", PREFLIGHT_DEFINITE, "mistyped");
    expect_cname("web.example", PREFLIGHT_DEFINITE, "leads to there.example;");
}

/* A name that is too long for its challenge. */
static void test_too_long(void)
{
    char name[254] = "";
    struct lab lab;

    for (int i = 0; i < 4; i++)
        strcat(name, i < 3 ? "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                           : "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example");
    lab_open(&lab, ROWS(cnames));
    check_one(&lab, name);
    CU_ASSERT_TRUE(has(&lab, "cname", PREFLIGHT_DEFINITE, "too long"));
    lab_close(&lab);
}

/* The random sibling gets the same answer (RFC 4592). */
static const char *wild_label;
static struct fake_row wild[4];

static void test_wildcard(void)
{
    struct lab lab;
    char *names[] = {(char *)"www.wild.example"}, sibling[128], record[160];

    lab_open(&lab, wild, 3);
    wild[0] = (struct fake_row){.name = "_acme-challenge.www.wild.example.",
                                .records = CNAME("www.wild.example.", "web.wild.example.")};
    wild[1] =
        (struct fake_row){.name = "web.wild.example.", .records = "web.wild.example. A 192.0.2.1"};
    begin(&lab, names, 1, &ca_of_account, 1);
    wild_label = lab.check->label;
    (void)snprintf(sibling, sizeof sibling, "%s.www.wild.example.", wild_label);
    (void)snprintf(record, sizeof record, "%s CNAME web.wild.example.", sibling);
    wild[2] = (struct fake_row){.name = sibling, .records = record};
    finish(&lab, 1);
    CU_ASSERT_TRUE(has(&lab, "cname", PREFLIGHT_DEFINITE, "a wildcard CNAME answers for it"));
    wild[1].records = "web.wild.example. CNAME web.wild.example.";
    begin(&lab, names, 1, &ca_of_account, 1);
    (void)snprintf(sibling, sizeof sibling, "%s.www.wild.example.", lab.check->label);
    (void)snprintf(record, sizeof record, "%s CNAME web.wild.example.", sibling);
    finish(&lab, 2);
    CU_ASSERT_TRUE(has(&lab, "cname", PREFLIGHT_DEFINITE, "in a loop"));
    lab_close(&lab);
}

/* -- DNSSEC (RFC 4035 5.5, 3.2.2) -- */

static void test_bogus(void)
{
    struct lab lab;

    lab_open(&lab, ROWS(cnames));
    check_one(&lab, "bogus.example");
    CU_ASSERT_TRUE(has(&lab, "dnssec", PREFLIGHT_DEFINITE,
                       "DNSSEC chain of _acme-challenge.bogus.example is broken"));
    lab_close(&lab);
}

/* -- CAA -- */

#define NAMED(n, ...)                                                                              \
    {.name = "_acme-challenge." n, .records = CNAME(n, n ZONE ".")},                               \
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
    {.name = "_acme-challenge.nocaa.example.",
     .records = CNAME("nocaa.example.", "nocaa.example." ZONE ".")},
    {.name = "_acme-challenge.lame.example.",
     .records = CNAME("lame.example.", "lame.example." ZONE ".")},
    {.name = "lame.example.", .how = FAKE_SERVFAIL},
    {.name = "_acme-challenge.signed.example.",
     .records = CNAME("signed.example.", "signed.example." ZONE ".")},
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

/* -- our zone -- */

#define GOOD                                                                                       \
    {                                                                                              \
        .name = "_acme-challenge.good.example.",                                                   \
        .records = CNAME("good.example.", "good.example." ZONE ".")                                \
    }
#define PARENT                                                                                     \
    {.name = "example.com.", .records = "example.com. NS ns.example.com."},                        \
    {                                                                                              \
        .name = "ns.example.com.", .records = "ns.example.com. A 127.0.0.1"                        \
    }

static void expect_zone(const struct fake_row *rows, size_t count, bool hide,
                        enum preflight_severity severity, const char *text)
{
    struct lab lab;

    lab_open(&lab, rows, count);
    lab.hide = hide;
    check_one(&lab, "good.example");
    CU_ASSERT_TRUE(has(&lab, "delegation", severity, text));
    CU_ASSERT_EQUAL(publisher_live(lab.f.publisher), 0);
    lab_close(&lab);
}

static void test_zone(void)
{
    static const struct fake_row plain[] = {GOOD};
    static const struct fake_row none[] = {GOOD, PARENT};
    static const struct fake_row lame[] = {
        GOOD,
        PARENT,
        {.name = ZONE ".",
         .direct = true,
         .authority = ZONE ". NS ns1.example.net.\n" ZONE ". NS ns2.example.net."},
        {.name = "ns1.example.net.", .records = "ns1.example.net. A 127.0.0.1"}};

    expect_zone(ROWS(plain), false, PREFLIGHT_GOOD, ZONE " is delegated to this server");
    expect_zone(ROWS(plain), true, PREFLIGHT_DEFINITE, "no nameserver above it");
    expect_zone(
        ROWS(none), true, PREFLIGHT_DEFINITE,
        "example.com does not delegate " ZONE
        ", so that nobody finds our records (the resolver answers NXDOMAIN); publish \"" ZONE
        ". NS ns.example.net.\" in example.com");
    expect_zone(ROWS(lame), true, PREFLIGHT_DEFINITE, "ns2.example.net (no address)");
    expect_zone(ROWS(lame), true, PREFLIGHT_DEFINITE, "ns1.example.net (127.0.0.1:");
    expect_zone(ROWS(lame), true, PREFLIGHT_DEFINITE, "NXDOMAIN");
}

/* One probe serves all that come within minutes; and those that come together. */
static void test_one_probe(void)
{
    static const struct fake_row rows[] = {GOOD};
    char *names[] = {(char *)"good.example"};
    struct lab lab;
    unsigned images;

    lab_open(&lab, ROWS(rows));
    for (int i = 0; i < 20; i++)
        begin(&lab, names, 1, &ca_of_account, 1);
    finish(&lab, 20);
    settle(&lab);
    images = lab.f.dnsd.images;
    CU_ASSERT_EQUAL(images, 3); /* the first, with the probe, without */
    check_one(&lab, "good.example");
    CU_ASSERT_EQUAL(worst(&lab), PREFLIGHT_GOOD);
    settle(&lab);
    CU_ASSERT_EQUAL(lab.f.dnsd.images, images);
    preflight_configure(lab.preflight, &lab.conf); /* a new configuration is looked at anew */
    check_one(&lab, "good.example");
    settle(&lab);
    CU_ASSERT(lab.f.dnsd.images > images);
    lab_close(&lab);
}

/* A resolver that is not there: all of it may be right in a while. */
static void test_no_resolver(void)
{
    static const struct fake_row rows[] = {GOOD};
    struct lab lab;
    char *nobody = (char *)"127.0.0.1:1";

    lab_open(&lab, ROWS(rows));
    lab.conf.resolver = (struct conf_strings){&nobody, 1};
    preflight_configure(lab.preflight, &lab.conf);
    check_one(&lab, "good.example");
    CU_ASSERT_EQUAL(worst(&lab), PREFLIGHT_TEMPORARY);
    CU_ASSERT_TRUE(has(&lab, "cname", PREFLIGHT_TEMPORARY, "nobody listens there"));
    CU_ASSERT_TRUE(has(&lab, "delegation", PREFLIGHT_TEMPORARY, "the resolver does not answer"));
    lab_close(&lab);
}

/* -- checks -- */

static void test_many_names(void)
{
    char texts[LIMIT_NAMES][32], *names[LIMIT_NAMES];
    static const struct fake_row rows[] = {GOOD};
    struct lab lab;

    for (int i = 0; i < LIMIT_NAMES; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "n%d.example", i);
        names[i] = texts[i];
    }
    lab_open(&lab, ROWS(rows));
    begin(&lab, names, LIMIT_NAMES, &ca_of_account, 1);
    finish(&lab, 1);
    CU_ASSERT_EQUAL(lab.count, 2 * LIMIT_NAMES + 1);
    CU_ASSERT_EQUAL(lab.dns.questions, 3 * LIMIT_NAMES + 2); /* CNAME, TXT, CAA; example, probe */
    lab_close(&lab);
}

static void test_ends(void)
{
    char *names[] = {(char *)"good.example"};
    static const struct fake_row rows[] = {GOOD};
    struct preflight_check *first;
    struct lab lab;

    lab_open(&lab, ROWS(rows));
    begin(&lab, names, 1, &ca_of_account, 1);
    first = lab.check;
    begin(&lab, names, 1, &ca_of_account, 1);
    turn(&lab.f);
    preflight_cancel(first);
    finish(&lab, 1);
    begin(&lab, names, 1, &ca_of_account, 1);
    begin(&lab, names, 1, &ca_of_account, 1);
    lab_close(&lab); /* with two under way */
    CU_ASSERT_EQUAL(lab.done, 3);
    CU_ASSERT_EQUAL(lab.count, 0);
}

static void test_bound(void)
{
    char *names[] = {(char *)"good.example"};
    struct preflight_request request = {names, 1, &ca_of_account, 1};
    static const struct fake_row rows[] = {GOOD};
    struct err err = {0};
    struct lab lab;

    lab_open(&lab, ROWS(rows));
    for (int i = 0; i < LIMIT_PREFLIGHT_CHECKS; i++)
        begin(&lab, names, 1, &ca_of_account, 1);
    CU_ASSERT_EQUAL(preflight_start(lab.preflight, &request, on_done, &lab, &lab.check, &err),
                    ERR_BUSY);
    lab_close(&lab);
    CU_ASSERT_EQUAL(lab.done, LIMIT_PREFLIGHT_CHECKS);
}

/* -- lookups -- */

static void note(void *arg)
{
    (void)arg;
}

static void test_lookups(void)
{
    const struct lookup *a, *b;
    struct lookups all;
    uint8_t wire[LIMIT_NAME_WIRE];
    char text[32];

    lookups_init(&all, NULL, note, NULL);
    CU_ASSERT_FATAL(name_from_text(wire, "A.example") > 0);
    a = lookups_ask(&all, wire, 1);
    CU_ASSERT_FATAL(name_from_text(wire, "a.EXAMPLE") > 0);
    CU_ASSERT_PTR_EQUAL(lookups_ask(&all, wire, 1), a);
    CU_ASSERT_PTR_NOT_EQUAL(lookups_ask(&all, wire, 2), a);
    b = lookups_ask_unchecked(&all, wire, 1);
    CU_ASSERT_PTR_NOT_EQUAL(b, a);
    lookups_expire(&all);
    CU_ASSERT_EQUAL(a->state, LOOKUP_FAILED);
    CU_ASSERT_EQUAL(a->error, ERR_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(preflight_answer_text(a), "no answer in time");
    CU_ASSERT_EQUAL(lookups_ask(&all, wire, 28)->state, LOOKUP_FAILED);
    lookups_clear(&all);
    lookups_init(&all, NULL, note, NULL);
    for (int i = 0; i < LIMIT_PREFLIGHT_QUESTIONS; i++) {
        (void)snprintf(text, sizeof text, "n%d.example", i);
        CU_ASSERT_FATAL(name_from_text(wire, text) > 0);
        CU_ASSERT_EQUAL(lookups_ask(&all, wire, 1)->state, LOOKUP_PENDING);
    }
    CU_ASSERT_FATAL(name_from_text(wire, "more.example") > 0);
    a = lookups_ask(&all, wire, 1);
    CU_ASSERT_EQUAL(a->state, LOOKUP_FAILED);
    CU_ASSERT_STRING_EQUAL(preflight_answer_text(a), "too many questions at once");
    lookups_clear(&all);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"cname", test_cname},
        {"target", test_target},
        {"too_long", test_too_long},
        {"wildcard", test_wildcard},
        {"bogus", test_bogus},
        {"caa", test_caa},
        {"climb", test_climb},
        {"caa_bogus", test_caa_bogus},
        {"parameters", test_parameters},
        {"authorities", test_authorities},
        {"persist", test_persist},
        {"account", test_account},
        {"zone", test_zone},
        {"one_probe", test_one_probe},
        {"no_resolver", test_no_resolver},
        {"many_names", test_many_names},
        {"ends", test_ends},
        {"bound", test_bound},
        {"lookups", test_lookups},
    };

    return RUN("preflight", cases);
}

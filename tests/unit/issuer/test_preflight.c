#include "tests/unit/issuer/preflight_lab.h"

/* -- CNAME -- */

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
        {"cname", test_cname},           {"target", test_target},
        {"too_long", test_too_long},     {"wildcard", test_wildcard},
        {"bogus", test_bogus},           {"zone", test_zone},
        {"one_probe", test_one_probe},   {"no_resolver", test_no_resolver},
        {"many_names", test_many_names}, {"ends", test_ends},
        {"bound", test_bound},           {"lookups", test_lookups},
    };

    return RUN("preflight", cases);
}

/* The walk along the CNAMEs of a challenge (RFC 8555 8.4), with answers of a table's. */
#include "client/challenge.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/client/rows.h"
#include "tests/unit/common/run.h"

#define ZONE  "acme.example.com"
#define LABEL "nobody"

static const struct row rows[] = {
    {"_acme-challenge.good.example", LDNS_RR_TYPE_CNAME, "good.example." ZONE},
    {"_acme-challenge.upper.example", LDNS_RR_TYPE_CNAME, "UPPER.Example." ZONE},
    {"_acme-challenge.far.example", LDNS_RR_TYPE_CNAME, "step.example"},
    {"step.example", LDNS_RR_TYPE_CNAME, "far.example." ZONE},
    {"_acme-challenge.txt.example", LDNS_RR_TYPE_TXT, "x"},
    /* *.wild.example (RFC 4592): swallows the challenge's name, too */
    {"_acme-challenge.wild.example", LDNS_RR_TYPE_CNAME, "web.example"},
    {LABEL ".wild.example", LDNS_RR_TYPE_CNAME, "web.example"},
    {"_acme-challenge.loop.example", LDNS_RR_TYPE_CNAME, "loop1.example"},
    {"loop1.example", LDNS_RR_TYPE_CNAME, "loop2.example"},
    {"loop2.example", LDNS_RR_TYPE_CNAME, "loop1.example"},
    {"_acme-challenge.gone.example", LDNS_RR_TYPE_CNAME, "nothing.example"},
    {"_acme-challenge.other.example", LDNS_RR_TYPE_CNAME, "good.example." ZONE},
    {"_acme-challenge.dot.example", LDNS_RR_TYPE_CNAME, "dot.example." ZONE ".example"},
    {"web.example", LDNS_RR_TYPE_A, "x"},
    {"good.example." ZONE, LDNS_RR_TYPE_A, "x"},
    {"_acme-challenge.bogus.example", LDNS_RR_TYPE_CNAME, ROW_BOGUS},
    {"_acme-challenge.dead.example", LDNS_RR_TYPE_CNAME, ROW_FAILED},
    {"_acme-challenge.deadend.example", LDNS_RR_TYPE_CNAME, "dead.example"},
    {"dead.example", LDNS_RR_TYPE_CNAME, ROW_FAILED},
    {"_acme-challenge.bad.example", LDNS_RR_TYPE_CNAME, ROW_MALFORMED},
    {"_acme-challenge.dname.example", LDNS_RR_TYPE_CNAME, ROW_ALIAS "dname.example." ZONE},
};

static struct challenge look(const char *name)
{
    struct table table = {rows, sizeof(rows) / sizeof(rows[0]), 0};
    const struct asker asker = {rows_ask, &table};
    struct challenge c;
    struct err err = {0};
    CU_ASSERT_EQUAL_FATAL(challenge_init(&c, name, ZONE, &err), 0);
    CU_ASSERT_EQUAL(challenge_look(&c, &asker, LABEL, &err), 0);
    CU_ASSERT_TRUE(table.asked < 20);
    return c;
}

static void expect(const char *name, enum challenge_state state, const char *text, bool publish)
{
    const struct challenge c = look(name);
    char record[600];
    snprintf(record, sizeof(record), "; publish \"_acme-challenge.%s. CNAME %s." ZONE ".\"", name,
             name);
    if (c.state != state || strstr(c.text, text) == NULL) {
        printf("\n  -- %s: %s: %s\n", name, challenge_state_name(c.state), c.text);
    }
    CU_ASSERT_EQUAL(c.state, state);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.text, text));
    CU_ASSERT_EQUAL(strstr(c.text, record) != NULL, publish);
}

static void test_there(void)
{
    expect("good.example", CHALLENGE_THERE, "leads to good.example." ZONE, false);
    expect("upper.example", CHALLENGE_THERE, "leads to", false);
    expect("far.example", CHALLENGE_THERE, "leads to far.example." ZONE, false);
    expect("dname.example", CHALLENGE_THERE, "leads to", false);
    CU_ASSERT_STRING_EQUAL(look("far.example").target, "step.example");
}

static void test_missing(void)
{
    expect("none.example", CHALLENGE_MISSING, "has no CNAME", true);
    expect("txt.example", CHALLENGE_MISSING, "has TXT records of its own", true);
    expect("wild.example", CHALLENGE_MISSING,
           "a wildcard CNAME answers for it, and leads to web.example", true);
}

static void test_wrong(void)
{
    expect("loop.example", CHALLENGE_WRONG, "leads to loop1.example in a loop of CNAMEs", true);
    expect("gone.example", CHALLENGE_WRONG, "leads to nothing.example, which does not exist", true);
    expect("other.example", CHALLENGE_WRONG, "leads to good.example." ZONE, true);
    expect("dot.example", CHALLENGE_WRONG, "the dot behind the target is missing", true);
    expect("bogus.example", CHALLENGE_WRONG, "the DNSSEC chain of", false);
    CU_ASSERT_STRING_EQUAL(look("other.example").target, "good.example." ZONE);
}

static void test_unknown(void)
{
    expect("dead.example", CHALLENGE_UNKNOWN, ROW_REASON, false);
    expect("deadend.example", CHALLENGE_UNKNOWN, "dead.example: " ROW_REASON, false);
    expect("bad.example", CHALLENGE_UNKNOWN, "leads to no name", false);
}

/* More CNAMEs than resolvers follow. */
static void test_long_way(void)
{
    char names[LIMIT_CNAME_CHAIN + 3][64];
    struct row way[LIMIT_CNAME_CHAIN + 2];
    struct table table = {way, LIMIT_CNAME_CHAIN + 2, 0};
    const struct asker asker = {rows_ask, &table};
    struct challenge c;
    struct err err = {0};
    for (int i = 0; i < LIMIT_CNAME_CHAIN + 3; i++) {
        snprintf(names[i], sizeof(names[i]), "%s%d.example", i == 0 ? "_acme-challenge.n" : "n", i);
    }
    for (int i = 0; i < LIMIT_CNAME_CHAIN + 2; i++) {
        way[i] = (struct row){names[i], LDNS_RR_TYPE_CNAME, names[i + 1]};
    }
    CU_ASSERT_EQUAL(challenge_init(&c, "n0.example", ZONE, &err), 0);
    CU_ASSERT_EQUAL(challenge_look(&c, &asker, LABEL, &err), 0);
    CU_ASSERT_EQUAL(c.state, CHALLENGE_WRONG);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "too many CNAMEs"));
}

static void test_names(void)
{
    struct challenge c;
    struct err err = {0};
    char name[LIMIT_DOMAIN_TEXT + 1] = "";
    CU_ASSERT_EQUAL(challenge_init(&c, "*.example.org", ZONE, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.owner, "_acme-challenge.example.org");
    CU_ASSERT_STRING_EQUAL(c.record, "example.org." ZONE);
    for (int i = 0; i < 237; i++) { /* its challenge's name is one, its record's would not be */
        name[i] = i % 60 == 59 ? '.' : 'a';
    }
    CU_ASSERT_EQUAL(challenge_init(&c, name, ZONE, &err), 0);
    CU_ASSERT_EQUAL(strlen(c.record), 32 + 1 + strlen(ZONE));
    memset(name + 237, 'a', 3);
    CU_ASSERT_TRUE(challenge_init(&c, name, ZONE, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "too long to have a challenge"));
    CU_ASSERT_TRUE(challenge_init(&c, "example.org", "a..b", &err) < 0);
}

static void test_label(void)
{
    char a[CHALLENGE_LABEL], b[CHALLENGE_LABEL];
    CU_ASSERT_EQUAL(challenge_label(a), 0);
    CU_ASSERT_EQUAL(challenge_label(b), 0);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    CU_ASSERT_EQUAL(strlen(a), strlen("certmill-") + 20);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"there", test_there},     {"missing", test_missing},   {"wrong", test_wrong},
        {"unknown", test_unknown}, {"long way", test_long_way}, {"names", test_names},
        {"label", test_label},
    };
    return RUN("challenge", cases);
}

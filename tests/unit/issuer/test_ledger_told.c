/*
 * rateLimited (RFC 8555 6.6): what it is about, until when, and that nobody asks meanwhile.
 */
#include "issuer/ledger.h"

#include <CUnit/Basic.h>

#include "issuer/ledger_priv.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ledger_fixture.h"

static char *names[] = {(char *)"*.example.org", (char *)"mail.example.net",
                        (char *)"www.example.org"};

/* Boulder's words, and some that nobody has said yet. */
static const struct {
    const char *text;
    enum store_ledger_kind kind;
    const char *subject;
} said[] = {
    {"too many new orders (300) from this account in the last 3h0m0s, retry after 2027-01-15 "
     "09:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/#new-orders-per-account",
     STORE_LEDGER_TOLD_ACCOUNT, ""},
    {"too many certificates (50) already issued for \"example.org\" in the last 168h0m0s, retry "
     "after 2027-01-15 09:00:00 UTC: see "
     "https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain",
     STORE_LEDGER_TOLD_DOMAIN, "example.org"},
    {"too many certificates (5) already issued for this exact set of identifiers in the last "
     "168h0m0s, retry after 2027-01-15 09:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/"
     "#new-certificates-per-exact-set-of-identifiers",
     STORE_LEDGER_TOLD_NAMES, "*.example.org,mail.example.net,www.example.org"},
    {"too many failed authorizations (5) for \"mail.example.net\" in the last 1h0m0s, retry after "
     "2027-01-15 09:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/"
     "#authorization-failures-per-identifier-per-account",
     STORE_LEDGER_TOLD_NAME, "mail.example.net"},
    {"too many failed authorizations (5) for \"example.org\" in the last 1h0m0s, retry after "
     "2027-01-15T09:00:00Z",
     STORE_LEDGER_TOLD_NAME, "example.org"},
    {"Too many certificates already issued for \"WWW.example.org\"; retry after 2027-01-15 "
     "09:00:00 UTC",
     STORE_LEDGER_TOLD_NAME, "www.example.org"},
    {"slow down, retry after 2027-01-15 09:00:00 UTC", STORE_LEDGER_TOLD_NAMES,
     "*.example.org,mail.example.net,www.example.org"},
};

static struct ledger_order order_at(const struct authority *authority)
{
    return (struct ledger_order){.authority = authority, .names = names, .name_count = 3};
}

static void test_scope(void)
{
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        const struct ledger_order order = order_at(&f.le);
        char subject[LIMIT_LEDGER_SUBJECT];

        CU_ASSERT_EQUAL(ledger_told_scope(f.ledger, &order, said[i].text, subject), said[i].kind);
        CU_ASSERT_STRING_EQUAL(subject, said[i].subject);
        CU_ASSERT_EQUAL(ledger_told_time(said[i].text), LEDGER_T0 + LEDGER_HOUR);
    }
    CU_ASSERT_EQUAL(ledger_told_time("too many"), 0);
    CU_ASSERT_EQUAL(ledger_told_time("retry after a while"), 0);
    ledger_fixture_tear_down(&f);
}

/* Whom it holds up: others of the same scope, nobody else; and after the time nobody. */
static void test_whom(void)
{
    static const struct {
        int said;
        bool same, www, other_domain;
    } cases[] = {
        {0, true, true, true},   {1, true, true, false}, {2, true, false, false},
        {3, true, false, false}, {5, true, true, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ledger_fixture f;
        struct err err = {0};

        ledger_fixture_set_up(&f);
        const struct ledger_order order = order_at(&f.other), elsewhere = order_at(&f.le);

        ledger_limited(f.ledger, &order, LEDGER_T0 + 600, said[cases[i].said].text);
        ledger_fixture_restart(&f);
        CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), cases[i].same ? 600 : 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "oo many"));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2027-01-15 08:10:00 UTC"));
        CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "www.example.org"), cases[i].www ? 600 : 0);
        CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "www.example.com"),
                        cases[i].other_domain ? 600 : 0);
        CU_ASSERT_EQUAL(ledger_wait(&f, &elsewhere, &err), 0);
        ledger_fixture_pass(&f, 600);
        CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
        ledger_fixture_tear_down(&f);
    }
}

/* RFC 9773 5: what is about orders of a kind does not hold renewals up, what a renewal was told
 * does. */
static void test_renewals(void)
{
    struct ledger_fixture f;
    struct ledger_order order, renewal;

    ledger_fixture_set_up(&f);
    order = renewal = order_at(&f.other);
    renewal.renewal = true;
    ledger_limited(f.ledger, &order, LEDGER_T0 + 600, said[0].text);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 600);
    CU_ASSERT_EQUAL(ledger_wait(&f, &renewal, NULL), 0);
    ledger_limited(f.ledger, &renewal, LEDGER_T0 + 700, said[0].text);
    CU_ASSERT_EQUAL(ledger_wait(&f, &renewal, NULL), 700);
    ledger_fixture_tear_down(&f);
}

/* Said of a nonce or the account (RFC 8555 6.6), not of an order: nobody asks there until then. */
static void test_account(void)
{
    struct ledger_fixture f;
    struct ledger_order renewal, elsewhere;
    struct err err = {0};

    ledger_fixture_set_up(&f);
    renewal = order_at(&f.other);
    renewal.renewal = true;
    elsewhere = order_at(&f.le);
    CU_ASSERT_EQUAL(ledger_limited_account(f.ledger, &f.other, LEDGER_T0 + 600, "slow down"),
                    LEDGER_T0 + 600);
    /* an order's own words after it take nothing back */
    ledger_limited(f.ledger,
                   &(struct ledger_order){.authority = &f.other,
                                          .names = renewal.names,
                                          .name_count = renewal.name_count},
                   LEDGER_T0 + 600, said[0].text);
    ledger_fixture_restart(&f);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "any.example.net"), 600);
    CU_ASSERT_EQUAL(ledger_wait(&f, &renewal, &err), 600);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2027-01-15 08:10:00 UTC"));
    CU_ASSERT_EQUAL(ledger_wait(&f, &elsewhere, NULL), 0);
    ledger_fixture_pass(&f, 600);
    CU_ASSERT_EQUAL(ledger_wait(&f, &renewal, NULL), 0);
    /* over: a later word on orders is about orders again */
    ledger_limited(f.ledger,
                   &(struct ledger_order){.authority = &f.other,
                                          .names = renewal.names,
                                          .name_count = renewal.name_count},
                   f.wall + 600, said[0].text);
    CU_ASSERT_EQUAL(ledger_wait(&f, &renewal, NULL), 0);
    CU_ASSERT_EQUAL(ledger_limited_account(f.ledger, &f.other, 0, NULL), f.wall + LEDGER_TOLD);
    ledger_fixture_tear_down(&f);
}

/* Nothing said, the past, and what nobody would wait for. */
static void test_until(void)
{
    struct ledger_fixture f;
    struct ledger_order order;

    ledger_fixture_set_up(&f);
    order = order_at(&f.other);
    ledger_limited(f.ledger, &order, 0, NULL);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), LEDGER_TOLD);
    ledger_limited(f.ledger, &order, LEDGER_T0 - 5, "retry after 2027-01-15 08:30:00 UTC");
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 1800);
    ledger_limited(f.ledger, &order, LEDGER_T0 + 1000 * LEDGER_DAY, "later");
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), LEDGER_TOLD_MOST);
    ledger_fixture_tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"what it is about", test_scope},
        {"whom it holds up", test_whom},
        {"renewals (RFC 9773 5)", test_renewals},
        {"the account", test_account},
        {"until when", test_until},
    };

    return RUN("ledger told", tests);
}

/*
 * Limits known beforehand: what CAs publish (letsencrypt.org/docs/rate-limits), windows of others,
 * renewals (RFC 9773 5), rateLimited (RFC 8555 6.6), growing delays.
 */
#include "issuer/ledger.h"

#include <CUnit/Basic.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ledger_fixture.h"

static char *one[] = {(char *)"www.example.org"};
static char *two[] = {(char *)"*.example.org", (char *)"example.org"};

/* A window: no more than N in 7 days, whenever they were. */
static void test_window(void)
{
    struct ledger_fixture f;
    const struct authority *ca;

    ledger_fixture_set_up(&f);
    ca = &f.other;
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "www.example.org"), 0);
    ledger_issue(&f, ca, "www.example.org");
    ledger_fixture_pass(&f, LEDGER_DAY);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "www.example.org"), 0);
    ledger_issue(&f, ca, "www.example.org");
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "www.example.org"), 6 * LEDGER_DAY + 5);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "mail.example.org"), 0);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, "www.example.org"), 0);
    ledger_fixture_pass(&f, 6 * LEDGER_DAY + 4);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "www.example.org"), 1);
    ledger_fixture_pass(&f, 1);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "www.example.org"), 0);
    ledger_issue(&f, ca, "www.example.org");
    CU_ASSERT_EQUAL(ledger_wait_name(&f, ca, "www.example.org"), LEDGER_DAY);
    ledger_fixture_tear_down(&f);
}

/* Refilling: 5 at once, then one each 34 hours (7 days / 5), and never faster than the CA. */
static void test_refill(void)
{
    const int64_t each = LEDGER_WEEK / 5;
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, "www.example.org"), 0);
        ledger_issue(&f, &f.le, "www.example.org");
    }
    CU_ASSERT(ledger_wait_name(&f, &f.le, "www.example.org") >= each);
    CU_ASSERT(ledger_wait_name(&f, &f.le, "www.example.org") < each + 60);
    ledger_fixture_pass(&f, each + 60);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, "www.example.org"), 0);
    ledger_issue(&f, &f.le, "www.example.org");
    CU_ASSERT(ledger_wait_name(&f, &f.le, "www.example.org") >= each - 60);
    ledger_fixture_pass(&f, LEDGER_WEEK + 60);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, "www.example.org"), 0);
        ledger_issue(&f, &f.le, "www.example.org");
    }
    CU_ASSERT(ledger_wait_name(&f, &f.le, "www.example.org") > 0);
    ledger_fixture_tear_down(&f);
}

/* More points in time than a row tells apart: never more than the limit in any window. */
static void test_many_points(void)
{
    struct ledger_fixture f;
    int64_t times[2000];
    int count = 0;

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){.orders = 150};
    for (int i = 0; i < 4000; i++) {
        const struct ledger_order order = ledger_order_of(&f.other, one, 1);
        struct err err = {0};

        ledger_fixture_pass(&f, 1 + i * 7919 % 40);
        if (ledger_wait(&f, &order, &err) == 0) {
            ledger_ordered(f.ledger, &order);
            times[count++] = f.wall;
            CU_ASSERT(count <= 150 || times[count - 1] - times[count - 151] >= LEDGER_ORDERS);
        }
    }
    /* nor much less: 81,000 s are 7.5 windows */
    CU_ASSERT(count > 1000 && count < 1275);
    ledger_fixture_tear_down(&f);
}

/* The public suffix list, its private part included, wildcards, names that are suffixes. */
static void test_domains(void)
{
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){.domain = 1};
    ledger_issue(&f, &f.other, "a.b.example.co.uk");
    CU_ASSERT(ledger_wait_name(&f, &f.other, "example.co.uk") > 0);
    CU_ASSERT(ledger_wait_name(&f, &f.other, "*.example.co.uk") > 0);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "other.co.uk"), 0);
    ledger_issue(&f, &f.other, "a.github.io");
    CU_ASSERT(ledger_wait_name(&f, &f.other, "www.a.github.io") > 0);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "b.github.io"), 0);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "github.io"), 0);
    ledger_issue(&f, &f.other, "github.io");
    CU_ASSERT(ledger_wait_name(&f, &f.other, "github.io") > 0);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "b.github.io"), 0);
    ledger_issue(&f, &f.other, "xn--plse-gra.example");
    CU_ASSERT(ledger_wait_name(&f, &f.other, "www.xn--plse-gra.example") > 0);
    ledger_fixture_tear_down(&f);
}

/* One certificate counts once for a domain, however many of its names it has. */
static void test_domain_once(void)
{
    struct ledger_fixture f;
    struct ledger_order order;

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){.domain = 2};
    order = ledger_order_of(&f.other, two, 2);
    ledger_issued(f.ledger, &order);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "mail.example.org"), 0);
    ledger_issued(f.ledger, &order);
    CU_ASSERT(ledger_wait_name(&f, &f.other, "mail.example.org") > 0);
    ledger_fixture_tear_down(&f);
}

/* Orders that come together: the one too many is refused before anything is written. */
static void test_orders(void)
{
    struct ledger_fixture f;
    struct err err = {0};
    struct ledger_order order;

    ledger_fixture_set_up(&f);
    order = ledger_order_of(&f.other, one, 1);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
        ledger_ordered(f.ledger, &order);
    }
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), LEDGER_ORDERS + 5);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "other"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "10 new orders"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2027-01-15 11:00:05 UTC"));
    order.renewal = true;
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
    ledger_fixture_tear_down(&f);
}

/* RFC 9773 5: renewals are exempt, and count for the exact names alone. */
static void test_renewal(void)
{
    struct ledger_fixture f;
    struct ledger_order order;

    ledger_fixture_set_up(&f);
    order = ledger_order_of(&f.other, one, 1);
    order.renewal = true;
    for (int i = 0; i < 20; i++) {
        ledger_ordered(f.ledger, &order);
        ledger_issued(f.ledger, &order);
    }
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 0);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "mail.example.org"), 0);
    order.renewal = false;
    CU_ASSERT(ledger_wait(&f, &order, NULL) > 0);
    ledger_fixture_tear_down(&f);
}

/* Let's Encrypt: the same names again are a renewal too, for the domain and the account. */
static void test_same_names(void)
{
    char name[64];
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    ledger_issue(&f, &f.le, "old.example.org");
    for (int i = 0; i < 49; i++) {
        (void)snprintf(name, sizeof name, "h%d.example.org", i);
        CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, name), 0);
        ledger_issue(&f, &f.le, name);
    }
    CU_ASSERT(ledger_wait_name(&f, &f.le, "new.example.org") >= LEDGER_WEEK / 50);
    CU_ASSERT(ledger_wait_name(&f, &f.le, "new.example.org") < LEDGER_WEEK / 50 + 60);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, "old.example.org"), 0);
    ledger_fixture_tear_down(&f);
}

/* The longest of all that is in the way is told. */
static void test_longest(void)
{
    struct ledger_fixture f;
    struct ledger_order order;
    struct err err = {0};

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){.orders = 1, .domain = 1, .exact = 1};
    order = ledger_order_of(&f.other, one, 1);
    ledger_ordered(f.ledger, &order);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), LEDGER_ORDERS + 5);
    ledger_issued(f.ledger, &order);
    ledger_fixture_pass(&f, 60);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), LEDGER_WEEK + 5 - 60);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "exactly these names"));
    ledger_fixture_tear_down(&f);
}

static void test_no_limits(void)
{
    struct ledger_fixture f;
    struct ledger_order order;

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){0};
    order = ledger_order_of(&f.other, one, 1);
    for (int i = 0; i < 100; i++) {
        ledger_ordered(f.ledger, &order);
        ledger_issued(f.ledger, &order);
    }
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 0);
    ledger_fixture_tear_down(&f);
}

static void test_requests(void)
{
    struct ledger_fixture f;
    struct ledger_order order;
    struct err err = {0};

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){0};
    order = ledger_order_of(&f.other, one, 1);
    order.client = "web";
    order.requests_per_day = 3;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
        ledger_ordered(f.ledger, &order);
        ledger_fixture_pass(&f, LEDGER_HOUR);
    }
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 21 * LEDGER_HOUR + 5);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "client web"));
    order.client = "mail";
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
    ledger_fixture_tear_down(&f);
}

/* Names that are many have one subject, and the same in another number do not share it. */
static void test_many_names(void)
{
    static char text[100][260];
    char *names[100];
    struct ledger_fixture f;
    struct ledger_order order;

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){.exact = 1};
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text[i], sizeof text[i], "h%02d.%0200d.example.org", i, 0);
        names[i] = text[i];
    }
    order = ledger_order_of(&f.other, names, 100);
    ledger_issued(f.ledger, &order);
    CU_ASSERT(ledger_wait(&f, &order, NULL) > 0);
    order.name_count = 99;
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 0);
    ledger_fixture_tear_down(&f);
}

/* -- failures -- */

static void test_failures(void)
{
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    for (int i = 0; i < 2; i++) {
        ledger_failed(f.ledger, &f.other, "*.example.org", "NXDOMAIN");
        CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "example.org"), 0);
    }
    ledger_failed(f.ledger, &f.other, "example.org", NULL);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "*.example.org"), LEDGER_HOUR + 5);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "www.example.org"), 0);
    /* at another CA only the delay holds: a minute after the third */
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.le, "example.org"), 60);
    ledger_fixture_tear_down(&f);
}

/* 1, 2, 4 ... minutes, up to a day. */
static void test_delay(void)
{
    const struct authority free_ca = {.name = "free", .directory = "https://free.example/"};
    struct ledger_fixture f;
    struct ledger_order order = ledger_order_of(&free_ca, one, 1);
    struct err err = {0};
    int64_t expected = 0;

    ledger_fixture_set_up(&f);
    for (int i = 1; i <= 20; i++) {
        CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
        ledger_failed(f.ledger, &free_ca, one[0], "no TXT record was found");
        expected = i <= 2 ? 0 : i == 3 ? 60 : expected * 2;
        expected = expected < LEDGER_DAY ? expected : LEDGER_DAY;
        CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), expected);
        ledger_fixture_pass(&f, expected);
    }
    ledger_failed(f.ledger, &free_ca, one[0], "no TXT record was found");
    ledger_fixture_restart(&f);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), LEDGER_DAY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no TXT record was found"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "limits --forget www.example.org"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "21 times"));
    ledger_issued(f.ledger, &order);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
    ledger_failed(f.ledger, &free_ca, one[0], NULL);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, &err), 0);
    ledger_fixture_tear_down(&f);
}

/* A week without a failure, and it begins anew. */
static void test_delay_fades(void)
{
    struct ledger_fixture f;

    ledger_fixture_set_up(&f);
    f.other.limits = (struct authority_limits){0};
    for (int i = 0; i < 20; i++) {
        ledger_failed(f.ledger, &f.other, "www.example.org", NULL);
    }
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "www.example.org"), LEDGER_DAY);
    ledger_fixture_pass(&f, LEDGER_WEEK);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "www.example.org"), 0);
    ledger_failed(f.ledger, &f.other, "www.example.org", NULL);
    CU_ASSERT_EQUAL(ledger_wait_name(&f, &f.other, "www.example.org"), 0);
    ledger_fixture_tear_down(&f);
}

static void test_forget(void)
{
    struct ledger_fixture f;
    struct ledger_order order;
    struct err err = {0};

    ledger_fixture_set_up(&f);
    order = ledger_order_of(&f.le, one, 1);
    CU_ASSERT_EQUAL(ledger_forget(f.ledger, &f.all, "www.example.org", &err), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "www.example.org"));
    for (int i = 0; i < 4; i++) {
        ledger_failed(f.ledger, &f.le, "www.example.org", NULL);
    }
    ledger_limited(f.ledger, &order, 0,
                   "too many certificates (50) already issued for "
                   "\"example.org\" in the last 168h0m0s");
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), LEDGER_TOLD);
    CU_ASSERT_EQUAL(ledger_forget(f.ledger, &f.all, "www.example.org", &err), 0);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 0);
    ledger_fixture_restart(&f);
    CU_ASSERT_EQUAL(ledger_wait(&f, &order, NULL), 0);
    ledger_fixture_tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"window", test_window},
        {"refill", test_refill},
        {"many points", test_many_points},
        {"domains", test_domains},
        {"domain once", test_domain_once},
        {"orders", test_orders},
        {"renewal (RFC 9773 5)", test_renewal},
        {"same names", test_same_names},
        {"longest", test_longest},
        {"no limits", test_no_limits},
        {"requests a day", test_requests},
        {"many names", test_many_names},
        {"failures", test_failures},
        {"delay", test_delay},
        {"delay fades", test_delay_fades},
        {"forget", test_forget},
    };

    return RUN("ledger", tests);
}

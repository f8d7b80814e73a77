/* What a resolver may answer, and what we make of it. */
#include "client/dns.h"

#include <CUnit/Basic.h>

#include "dns_server.h"

#define SOA "example. 40 IN SOA ns.example. h.example. 1 1 1 1 30"

struct fixture {
    struct dns_server server;
    struct dns *dns;
    struct dns_answer answer;
    struct err err;
};

static void start(struct fixture *f, const struct dns_row *rows, size_t count, int timeout_ms)
{
    struct dns_options options = {.clock = &clock_system, .timeout_ms = timeout_ms};

    memset(f, 0, sizeof *f);
    server_start(&f->server, rows, count);
    options.name_server = f->server.address;
    CU_ASSERT_EQUAL_FATAL(dns_new(&f->dns, &options, &f->err), 0);
}

static void stop(struct fixture *f)
{
    dns_answer_clear(&f->answer);
    dns_free(f->dns);
    server_stop(&f->server);
}

static const struct dns_answer *ask(struct fixture *f, const char *name, ldns_rr_type type)
{
    dns_answer_clear(&f->answer);
    CU_ASSERT_EQUAL_FATAL(dns_ask(f->dns, name, (uint16_t)type, &f->answer, &f->err), 0);
    return &f->answer;
}

#define ASSERT_SAYS(answer, text)                                                                  \
    do {                                                                                           \
        if (strstr((answer)->reason, text) == NULL)                                                \
            (void)fprintf(stderr, "%d: %s\n", __LINE__, (answer)->reason);                         \
        CU_ASSERT_PTR_NOT_NULL(strstr((answer)->reason, text));                                    \
    } while (0)

static const struct dns_row plain[] = {
    {.name = "www.example.",
     .type = LDNS_RR_TYPE_TXT,
     .answer = "www.example. 60 IN TXT one\n"
               "www.example. 60 IN TXT two",
     .ad = true},
    {.name = "www.example.", .authority = SOA},
    {.name = "bare.example."},
    {.name = "lame.example.", .not_ra = true},
    {.name = "big.example.", .how = HOW_TRUNCATED, .answer = "big.example. 60 IN TXT big"},
    {.name = "dead.example.", .how = HOW_NO_TCP},
    {.name = "half.example.", .how = HOW_SHORT_TCP, .answer = "half.example. 60 IN TXT big"},
    {.name = "forged.example.", .how = HOW_FORGED_FIRST, .answer = "forged.example. 60 IN TXT x"},
    {.name = "id.example.", .how = HOW_OTHER_ID},
    {.name = "name.example.", .how = HOW_OTHER_NAME},
    {.name = "garbage.example.", .how = HOW_GARBAGE},
    {.name = "silent.example.", .how = HOW_SILENT},
    {.name = "refused.example.", .code = LDNS_RCODE_REFUSED},
    {.name = "broken.example.", .code = LDNS_RCODE_SERVFAIL},
    {.name = "odd.example.", .code = 23},
    {.name = "bogus.example.", .how = HOW_CHECKED, .answer = "bogus.example. 60 IN TXT x"},
};

/* RFC 2308 2, RFC 6840 5.7 */
static void test_outcomes(void)
{
    struct fixture f;
    const struct dns_answer *a;

    start(&f, plain, sizeof plain / sizeof *plain, 0);
    a = ask(&f, "WWW.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FOUND);
    CU_ASSERT_EQUAL(a->trust, DNS_SECURE); /* AD, and a loopback address */
    CU_ASSERT_EQUAL_FATAL(a->count, 2);
    CU_ASSERT_EQUAL(a->records[1].len, 4);
    CU_ASSERT_EQUAL(memcmp(a->records[1].rdata, "\3two", 4), 0);
    CU_ASSERT_EQUAL(a->records[0].ttl, 60);
    CU_ASSERT_EQUAL_FATAL(a->name_count, 1);
    CU_ASSERT_STRING_EQUAL(a->names[0], "www.example");
    a = ask(&f, "www.example.", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NODATA);
    CU_ASSERT_EQUAL(a->trust, DNS_INSECURE);
    CU_ASSERT_EQUAL(a->negative_ttl, 30); /* RFC 2308 5 */
    a = ask(&f, "none.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NXDOMAIN);
    CU_ASSERT_EQUAL(a->negative_ttl, 20);
    a = ask(&f, "bare.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_NODATA);
    CU_ASSERT_EQUAL(a->negative_ttl, 0);
    a = ask(&f, "lame.example", LDNS_RR_TYPE_A);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    ASSERT_SAYS(a, "does not look names up for others");
    stop(&f);
}

static void test_failures(void)
{
    static const struct {
        const char *name, *says;
    } cases[] = {
        {"dead.example", "over TCP, after a truncated answer"},
        {"half.example", "over TCP, after a truncated answer"},
        {"id.example", "no answer to the question"},
        {"name.example", "no answer to the question"},
        {"garbage.example", "what is no DNS message"},
        {"silent.example", "no answer from 127.0.0.1:"},
        {"refused.example", "answered REFUSED"},
        {"broken.example", "answered SERVFAIL"},
        {"odd.example", "answered response code 23"},
    };
    struct fixture f;
    const struct dns_answer *a;

    start(&f, plain, sizeof plain / sizeof *plain, 200);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        a = ask(&f, cases[i].name, LDNS_RR_TYPE_TLSA);
        CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
        CU_ASSERT_EQUAL(a->trust, DNS_INDETERMINATE);
        CU_ASSERT_PTR_NOT_NULL(strstr(a->reason, cases[i].name));
        ASSERT_SAYS(a, cases[i].says);
    }
    /* RFC 4035 3.2.2, RFC 8914 */
    a = ask(&f, "bogus.example", LDNS_RR_TYPE_TXT);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    CU_ASSERT_EQUAL(a->trust, DNS_BOGUS);
    ASSERT_SAYS(a, "signature expired: old?");
    stop(&f);
}

int main(void)
{
    CU_pSuite suite;
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS ||
        (suite = CU_add_suite("dns", NULL, NULL)) == NULL) {
        return 1;
    }
    CU_add_test(suite, "outcomes", test_outcomes);
    CU_add_test(suite, "failures", test_failures);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

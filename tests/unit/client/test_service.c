/* What is asked of a service, and what is said of the certificates and TLSA records found. */
#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ca.h"
#include "client/service.h"
#include "client/service_connect.h"
#include "client/service_dane.h"
#include "client/tlsa.h"

#define DAY 86400L

static struct service service;
static struct err err;
static struct service_findings findings;

/* -- words -- */

static int parse(const char *where, const char *name)
{
    return service_parse(&service, where, name, NULL, &err);
}

static void test_parse(void)
{
    CU_ASSERT_EQUAL(parse("Mail.Example.ORG.:25", NULL), 0);
    CU_ASSERT_STRING_EQUAL(service.host, "mail.example.org");
    CU_ASSERT_STRING_EQUAL(service.name, "mail.example.org");
    CU_ASSERT_EQUAL(service.port, 25);
    CU_ASSERT_EQUAL(service.starttls, STARTTLS_SMTP);
    CU_ASSERT_FALSE(service.address);
    CU_ASSERT_EQUAL(parse("pølse.example:443", "www.example.org"), 0);
    CU_ASSERT_STRING_EQUAL(service.host, "xn--plse-gra.example");
    CU_ASSERT_STRING_EQUAL(service.name, "www.example.org");
    CU_ASSERT_EQUAL(service.starttls, STARTTLS_NONE);
    CU_ASSERT_EQUAL(parse("[2001:db8::1]:65535", "a.example"), 0);
    CU_ASSERT_STRING_EQUAL(service.host, "2001:db8::1");
    CU_ASSERT_TRUE(service.address);
    CU_ASSERT_EQUAL(parse("192.0.2.1:1", "a.example"), 0);
    CU_ASSERT_TRUE(service.address);
    CU_ASSERT_EQUAL(service_parse(&service, "a.example:4711", NULL, "xmpp", &err), 0);
    CU_ASSERT_EQUAL(service.starttls, STARTTLS_XMPP);
}

static void test_bad_words(void)
{
    static const char *const malformed[] = {
        "",        "a.example",       ":25",           "2001:db8::1:25", "[2001:db8::1]",
        "[a.b]:1", "[192.0.2.1]:1",   "*.example:1",   "a..b:1",         "a b:1",
        "[]:1",    "192.0.2.1:25:25", "a.example:b:1", "[::1:1",         "https://a.example:443"};
    static const char *const ports[] = {"a.example:",      "a.example:0",  "a.example:65536",
                                        "a.example:https", "a.example:+1", "a.example:000443"};
    char longest[700];
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        CU_ASSERT_EQUAL(parse(malformed[i], "a.example"), ERR_MALFORMED);
    }
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        CU_ASSERT_EQUAL(parse(ports[i], NULL), ERR_RANGE);
    }
    CU_ASSERT_EQUAL(parse("192.0.2.1:25", NULL), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(parse("a.example:25", "*.example"), ERR_MALFORMED);
    memset(longest, 'a', sizeof(longest));
    memcpy(longest + sizeof(longest) - 4, ":25", 4);
    CU_ASSERT_EQUAL(parse(longest, NULL), ERR_MALFORMED);
}

static void test_findings(void)
{
    findings.count = 0;
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_GOOD);
    for (size_t i = 0; i < SERVICE_FINDINGS; i++) {
        service_say(&findings, SERVICE_WARNING, "x", "%zu", i);
    }
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_WARNING);
    service_say(&findings, SERVICE_GOOD, "x", "one more");
    CU_ASSERT_EQUAL(findings.count, SERVICE_FINDINGS);
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_PROBLEM);
}

/* -- certificates -- */

static EVP_PKEY *root_key, *issuer_key, *leaf_key, *rsa_key;
static X509 *root, *issuer, *leaf;
static X509_STORE *store;

static int set_up(void)
{
    root_key = EVP_EC_gen("P-256");
    issuer_key = EVP_EC_gen("P-256");
    leaf_key = EVP_EC_gen("P-256");
    rsa_key = EVP_RSA_gen(2048);
    root = ca_make(&(struct ca_wish){
        .subject = "root", .key = root_key, .ca = 1, .from = -DAY, .to = 400 * DAY});
    issuer = ca_make(&(struct ca_wish){.subject = "issuer",
                                       .key = issuer_key,
                                       .issuer = root,
                                       .issuer_key = root_key,
                                       .ca = 1,
                                       .from = -DAY,
                                       .to = 300 * DAY});
    leaf = ca_make(&(struct ca_wish){.subject = "cn.example",
                                     .names = "DNS:a.example,DNS:*.w.example",
                                     .key = leaf_key,
                                     .issuer = issuer,
                                     .issuer_key = issuer_key,
                                     .from = -DAY,
                                     .to = 80 * DAY});
    store = X509_STORE_new();
    return X509_STORE_add_cert(store, root) == 1 ? 0 : -1;
}

static int tear_down(void)
{
    X509_STORE_free(store);
    X509_free(leaf);
    X509_free(issuer);
    X509_free(root);
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(leaf_key);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(root_key);
    return 0;
}

static struct service_served served;
static struct service_judge judge;

/* The certificates, in that order, judged at days from now. */
static void serve(X509 *first, X509 *second, X509 *third, long days)
{
    X509 *all[] = {first, second, third};
    served = (struct service_served){0};
    for (size_t i = 0; i < 3 && all[i] != NULL; i++) {
        served.certs[served.count++] = all[i];
    }
    judge = (struct service_judge){.served = &served,
                                   .name = "a.example",
                                   .now = clock_wall_s(&clock_system) + days * DAY,
                                   .store = store};
    findings.count = 0;
}

#define ONE(wanted, part)                                                                          \
    CU_ASSERT_EQUAL(findings.count, 1);                                                            \
    CU_ASSERT_EQUAL(findings.items[0].grade, wanted);                                              \
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[0].text, part));                                  \
    findings.count = 0

static void test_names(void) /* RFC 9525 6.3, 6.4 */
{
    serve(leaf, NULL, NULL, 0);
    service_judge_name(&findings, &judge);
    ONE(SERVICE_GOOD, "for a.example");
    judge.name = "x.w.example";
    service_judge_name(&findings, &judge);
    ONE(SERVICE_GOOD, "for x.w.example");
    judge.name = "w.example";
    service_judge_name(&findings, &judge);
    ONE(SERVICE_PROBLEM, "for a.example, *.w.example, not for w.example");
    judge.name = "cn.example"; /* the subject's CN is no name of a host */
    service_judge_name(&findings, &judge);
    ONE(SERVICE_PROBLEM, "not for cn.example");
    judge.also = "a.example";
    service_judge_name(&findings, &judge);
    ONE(SERVICE_GOOD, "for a.example");
    judge.also = NULL;
    judge.dane = judge.dane_ee = true; /* RFC 7671 5.1 */
    service_judge_name(&findings, &judge);
    ONE(SERVICE_WARNING, "does not matter");
}

static void test_hostile_names(void)
{
    char many[40 * 300] = "DNS:a\033b.example";
    for (size_t i = 0; i < 30; i++) {
        char name[300];
        memset(name, 'x', sizeof(name));
        memcpy(name, ",DNS:", 5);
        snprintf(name + 245, sizeof(name) - 245, "%zu.example", i);
        strcat(many, name);
    }
    X509 *odd = ca_make(
        &(struct ca_wish){.subject = "x", .names = many, .key = leaf_key, .from = -DAY, .to = DAY});
    X509 *none =
        ca_make(&(struct ca_wish){.subject = "x", .key = leaf_key, .from = -DAY, .to = DAY});
    serve(odd, NULL, NULL, 0);
    service_judge_name(&findings, &judge);
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[0].text, "a?b.example"));
    ONE(SERVICE_PROBLEM, "not for a.example");
    serve(none, NULL, NULL, 0);
    service_judge_name(&findings, &judge);
    ONE(SERVICE_PROBLEM, "no name of a host");
    X509_free(odd);
    X509_free(none);
}

static void test_dates(void)
{
    static const struct {
        long days;
        enum service_grade grade;
        const char *text;
    } rows[] = {{0, SERVICE_GOOD, "valid until"},
                {66, SERVICE_GOOD, "valid until"},
                {67, SERVICE_WARNING, "should have been renewed"},
                {81, SERVICE_PROBLEM, "certificate 1 has expired"},
                {-2, SERVICE_PROBLEM, "is a clock wrong?"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        serve(leaf, NULL, NULL, rows[i].days);
        service_judge_dates(&findings, &judge);
        ONE(rows[i].grade, rows[i].text);
    }
    serve(leaf, issuer, NULL, 301);
    service_judge_dates(&findings, &judge);
    CU_ASSERT_EQUAL(findings.count, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[1].text, "certificate 2 has expired"));
    serve(leaf, NULL, NULL, 81);
    judge.dane = true; /* usage 2: RFC 7671 5.2 */
    service_judge_dates(&findings, &judge);
    ONE(SERVICE_PROBLEM, "certificate 1 has expired");
    judge.dane_ee = true; /* RFC 7671 5.1 */
    service_judge_dates(&findings, &judge);
    ONE(SERVICE_WARNING, "does not matter");
    judge.now -= 90 * DAY;
    service_judge_dates(&findings, &judge);
    ONE(SERVICE_WARNING, "does not matter");
}

static void test_chain(void) /* RFC 8446 4.4.2 */
{
    serve(leaf, issuer, NULL, 0);
    service_judge_chain(&findings, &judge);
    ONE(SERVICE_GOOD, "2 certificates, in order");
    service_judge_trust(&findings, &judge);
    ONE(SERVICE_GOOD, "trusted");
    serve(leaf, root, issuer, 0);
    service_judge_chain(&findings, &judge);
    CU_ASSERT_EQUAL(findings.count, 2); /* order, and the root */
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_WARNING);
    serve(leaf, leaf, issuer, 0);
    service_judge_chain(&findings, &judge);
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[1].text, "certificate 2 (CN=cn.example)"));
    serve(leaf, issuer, root, 0);
    service_judge_chain(&findings, &judge);
    ONE(SERVICE_WARNING, "root certificate");
    judge.dane = true; /* RFC 7671 5.2.2: usage 2 may need it */
    service_judge_chain(&findings, &judge);
    ONE(SERVICE_GOOD, "3 certificates");
    served.cut = true;
    service_judge_chain(&findings, &judge);
    ONE(SERVICE_PROBLEM, "more than");
}

static void test_trust(void)
{
    serve(leaf, NULL, NULL, 0);
    service_judge_trust(&findings, &judge);
    ONE(SERVICE_PROBLEM, "ends before CN=issuer");
    judge.dane = true;
    service_judge_trust(&findings, &judge);
    ONE(SERVICE_WARNING, "intermediate certificate is missing");
    /* A leaf by a leaf. */
    X509 *below = ca_make(&(struct ca_wish){.subject = "below",
                                            .names = "DNS:a.example",
                                            .key = rsa_key,
                                            .issuer = leaf,
                                            .issuer_key = leaf_key,
                                            .from = -DAY,
                                            .to = DAY});
    CU_ASSERT_STRING_EQUAL(service_key_type(below), "rsa");
    CU_ASSERT_STRING_EQUAL(service_key_type(leaf), "ecdsa");
    serve(below, leaf, issuer, 0);
    service_judge_trust(&findings, &judge);
    ONE(SERVICE_PROBLEM, "certificate 2: ");
    X509_free(below);
}

/* -- DANE -- */

static struct dns_record records[80];
static uint8_t rdata[80][40];
static struct dns_answer told; /* of TLSA */

static int ask(void *arg, const char *owner, uint16_t type, struct dns_answer *out, struct err *e)
{
    (void)arg;
    (void)owner;
    (void)e;
    *out = type == TLSA_RRTYPE ? told : (struct dns_answer){.outcome = DNS_NODATA};
    return 0;
}

static void add_record(uint8_t usage, uint8_t selector, uint8_t matching, uint8_t fill)
{
    uint8_t *data = rdata[told.count];
    memset(data, fill, sizeof(rdata[0]));
    data[0] = usage;
    data[1] = selector;
    data[2] = matching;
    records[told.count++] = (struct dns_record){.rdata = data, .len = 35, .ttl = 60};
}

static void tell(enum dns_outcome outcome, enum dns_trust trust)
{
    told = (struct dns_answer){
        .outcome = outcome, .trust = trust, .records = records, .reason = "the reason"};
    findings.count = 0;
}

static size_t look(const char *where)
{
    struct tlsa_asker asker = {.ask = ask};
    struct service_dane dane;
    CU_ASSERT_EQUAL(parse(where, NULL), 0);
    CU_ASSERT_EQUAL(service_dane_look(&dane, &findings, &asker, &service, &err), 0);
    return dane.count;
}

static void test_dane_trust(void) /* RFC 7671 4, RFC 7672 2.1 */
{
    static const struct {
        enum dns_outcome outcome;
        enum dns_trust trust;
        enum service_grade grade;
        const char *text;
    } rows[] = {{DNS_FOUND, DNS_INSECURE, SERVICE_WARNING, "not protected by DNSSEC"},
                {DNS_FOUND, DNS_INDETERMINATE, SERVICE_WARNING, "nobody has validated"},
                {DNS_FOUND, DNS_BOGUS, SERVICE_PROBLEM, "bogus"},
                {DNS_FAILED, DNS_BOGUS, SERVICE_PROBLEM, "bogus"},
                {DNS_FAILED, DNS_INDETERMINATE, SERVICE_PROBLEM, "cannot be looked up"},
                {DNS_NODATA, DNS_SECURE, SERVICE_GOOD, "no records at _443._tcp.a.example"},
                {DNS_NXDOMAIN, DNS_INSECURE, SERVICE_GOOD, "no records"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tell(rows[i].outcome, rows[i].trust);
        if (rows[i].outcome == DNS_FOUND) {
            add_record(3, 1, 1, 0xab);
        }
        CU_ASSERT_EQUAL(look("a.example:443"), 0);
        ONE(rows[i].grade, rows[i].text);
    }
}

static void test_dane_records(void)
{
    tell(DNS_FOUND, DNS_SECURE);
    add_record(3, 1, 1, 0xab);
    add_record(1, 1, 1, 0xab);
    add_record(3, 1, 9, 0xab);
    add_record(3, 1, 1, 0xab);
    records[3].len = 2;
    CU_ASSERT_EQUAL(look("a.example:443"), 2);
    CU_ASSERT_EQUAL(findings.count, 3);
    findings.count = 0;
    CU_ASSERT_EQUAL(look("a.example:25"), 1); /* RFC 7672 3.1.3 */
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[0].text, "mail servers do not use usages 0"));
    tell(DNS_FOUND, DNS_SECURE);
    add_record(0, 0, 1, 1);
    CU_ASSERT_EQUAL(look("a.example:25"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[1].text, "none of the records"));
    tell(DNS_FOUND, DNS_SECURE);
    for (size_t i = 0; i < 80; i++) {
        add_record(3, 1, 1, (uint8_t)i);
    }
    CU_ASSERT_EQUAL(look("a.example:443"), LIMIT_SERVICE_TLSA);
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_WARNING);
}

static void test_dane_leftovers(void)
{
    struct service_dane dane = {.count = LIMIT_SERVICE_TLSA};
    for (size_t i = 0; i < dane.count; i++) {
        dane.usable[i] =
            (struct tlsa){.usage = 3, .data = (const uint8_t *)"0123456789", .len = 10};
    }
    dane.matched[0] = true;
    findings.count = 0;
    service_dane_leftovers(&findings, &dane);
    CU_ASSERT_EQUAL(findings.count, SERVICE_FINDINGS - 1);
    CU_ASSERT_EQUAL(service_grade(&findings), SERVICE_WARNING);
    CU_ASSERT_PTR_NOT_NULL(strstr(findings.items[0].text, "3 0 0 3031323334353637... matches"));
}

/* -- a server that says nothing -- */

static uint64_t leap(void *arg)
{
    uint64_t *at = arg;
    return *at += LIMIT_SERVICE_MS - 1;
}

static void test_silence(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct service_addresses addresses;
    struct service_session session;
    socklen_t len = sizeof(at);
    uint64_t now = 0;
    struct clock clock = {.wall_us = clock_system.wall_us, .mono_ms = leap, .arg = &now};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    CU_ASSERT_EQUAL(listen(listener, 4), 0);
    CU_ASSERT_EQUAL(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    char where[32];
    snprintf(where, sizeof(where), "127.0.0.1:%u", ntohs(at.sin_port));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(service_parse(&service, where, "a.example", i == 0 ? "smtp" : NULL, &err),
                        0);
        CU_ASSERT_EQUAL(service_resolve(&addresses, &service, NULL, &err), 0);
        CU_ASSERT_STRING_EQUAL(addresses.items[0].text, "127.0.0.1");
        struct service_call call = {.service = &service,
                                    .address = &addresses.items[0],
                                    .sni = service.name,
                                    .clock = &clock};
        int ret = service_connect(&session, &call, &err);
        CU_ASSERT_TRUE(ret == ERR_TIMEOUT || ret == ERR_UNAVAILABLE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "within"));
        service_session_clear(&session);
    }
    close(listener);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("service", set_up, tear_down);
    CU_add_test(suite, "words", test_parse);
    CU_add_test(suite, "bad words", test_bad_words);
    CU_add_test(suite, "findings", test_findings);
    CU_add_test(suite, "names", test_names);
    CU_add_test(suite, "hostile names", test_hostile_names);
    CU_add_test(suite, "dates", test_dates);
    CU_add_test(suite, "chain", test_chain);
    CU_add_test(suite, "trust", test_trust);
    CU_add_test(suite, "trust in DNS", test_dane_trust);
    CU_add_test(suite, "records", test_dane_records);
    CU_add_test(suite, "leftovers", test_dane_leftovers);
    CU_add_test(suite, "silence", test_silence);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

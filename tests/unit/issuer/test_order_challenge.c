/* dns-account-01 (draft-ietf-acme-dns-account-label) and dns-persist-01
 * (draft-ietf-acme-dns-persist): what is published by whom, and what is offered by the CA. */
#include "order_lab.h"

#include <CUnit/Basic.h>

#include "issuer/order_parse.h"
#include "issuer/order_record.h"

#define ACCOUNT "https://example.com/acme/acct/ExampleAccount"

static struct lab *ordered(enum order_challenge challenge, const char *account, const char *names)
{
    struct lab *lab = lab_new_with(&(struct lab_options){
        .names = names, .challenge = challenge, .account_url = account, .mono_ms = 1000});

    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    return lab;
}

/* An authorization with one challenge; more: its members besides type and url. */
static const char *authz(const char *status, const char *type, const char *more)
{
    static char body[2048];

    snprintf(body, sizeof(body),
             "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
             "\"challenges\":[{\"type\":\"http-01\",\"url\":\"" LAB_URL "/no\",\"token\":\"x\"},"
             "{\"type\":\"%s\",\"url\":\"" LAB_URL "/chall/0\"%s}]}",
             status, type, more);
    return body;
}

static void goes_through(struct lab *lab, const char *names)
{
    lab_answer(lab, "/chall/0", 200, "{}");
    CU_ASSERT_FATAL(lab->timer_ms > 0);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order(names, "ready", ""));
    lab_answer(lab, "/finalize", 200, lab_order(names, "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), names, "Root"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK);
    lab_free(lab);
}

/* The example of draft-ietf-acme-dns-account-label. */
static void test_account_label(void)
{
    char label[ORDER_ACCOUNT_LABEL];

    CU_ASSERT_EQUAL(order_account_label(label, ACCOUNT), 0);
    CU_ASSERT_STRING_EQUAL(label, "_ujmmovf2vn55tgye");
}

/* The value is dns-01's, and goes to the same record, which the account's own CNAME leads to. */
static void test_account(void)
{
    struct lab *plain = ordered(ORDER_DNS_01, NULL, "a.example"), *lab;

    lab_answer(plain, "/authz/0", 200, authz("pending", "dns-01", ",\"token\":\"tok\""));
    lab = ordered(ORDER_DNS_ACCOUNT_01, ACCOUNT, "a.example");
    lab_answer(lab, "/authz/0", 200, authz("pending", "dns-account-01", ",\"token\":\"tok\""));
    CU_ASSERT(lab->published == 1);
    CU_ASSERT_STRING_EQUAL(lab->values[0], plain->values[0]);
    lab_event(lab, ORDER_EV_PUBLISHED);
    goes_through(lab, "a.example");
    lab_free(plain);

    lab = ordered(ORDER_DNS_ACCOUNT_01, ACCOUNT, "a.example");
    lab_answer(lab, "/authz/0", 200, authz("pending", "dns-account-01", ",\"token\":\"tok\""));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "NXDOMAIN"));
    lab_failed(
        lab, ORDER_REFUSED_CA,
        "publish: _ujmmovf2vn55tgye._acme-challenge.a.example CNAME a.example.acme.example.com.");
}

static void test_not_offered(void)
{
    struct lab *lab = ordered(ORDER_DNS_ACCOUNT_01, ACCOUNT, "a.example");
    lab_answer(lab, "/authz/0", 200, authz("pending", "dns-01", ",\"token\":\"tok\""));
    lab_failed(
        lab, ORDER_REFUSED_CA,
        "the CA offers no dns-account-01 challenge for a.example: it offers http-01, dns-01");

    lab = ordered(ORDER_DNS_PERSIST_01, ACCOUNT, "*.a.example");
    lab_answer(lab, "/authz/0", 200, authz("pending", "odd\\n\\u001b[31m", ""));
    lab_failed(lab, ORDER_REFUSED_CA,
               "no dns-persist-01 challenge for *.a.example: it offers http-01, odd [31m");

    lab = ordered(ORDER_DNS_01, NULL, "a.example");
    lab_answer(lab, "/authz/0", 200,
               "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
               "\"challenges\":[]}");
    lab_failed(lab, ORDER_REFUSED_CA, "no dns-01 challenge for a.example: it offers none");
}

/* -- dns-persist-01 -- */

static void test_persist(void)
{
    struct lab *lab = ordered(ORDER_DNS_PERSIST_01, ACCOUNT, "a.example");

    lab_answer(lab, "/authz/0", 200,
               authz("pending", "dns-persist-01", ",\"issuer-domain-names\":[\"ca.test\",\"b\"]"));
    CU_ASSERT(lab->published == 0);
    CU_ASSERT(order_get_state(lab->order) == ORDER_VALIDATING);
    CU_ASSERT_STRING_EQUAL(lab_find(lab, "/chall/0")->payload, "{}");
    CU_ASSERT(strstr(lab->log, "nothing is published") != NULL);
    CU_ASSERT(lab->timer_ms == 100); /* nobody will be seen asking us */
    goes_through(lab, "a.example");

    /* valid ones are reused as ever */
    lab = ordered(ORDER_DNS_PERSIST_01, ACCOUNT, "a.example");
    lab_answer(lab, "/authz/0", 200, authz("valid", "dns-persist-01", ""));
    CU_ASSERT(lab_open(lab, "/order"));
    lab_free(lab);
}

#define ELEVEN                                                                                     \
    ",\"issuer-domain-names\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\","      \
    "\"11\"]"

static void test_persist_fails(void)
{
    struct lab *lab = ordered(ORDER_DNS_PERSIST_01, NULL, "*.a.example");

    CU_ASSERT(order_set_account_url(lab->order, ACCOUNT) == 0);
    lab_answer(lab, "/authz/0", 200,
               authz("pending", "dns-persist-01", ",\"issuer-domain-names\":[\"ca.test\"]"));
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("*.a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "no such record"));
    lab_failed(lab, ORDER_REFUSED_CA,
               "is the record there? publish: _validation-persist.a.example TXT \"ca.test; "
               "accounturi=" ACCOUNT "; policy=wildcard\"");

    static const char *const bad[] = {"",
                                      ",\"issuer-domain-names\":[]",
                                      ",\"issuer-domain-names\":[7]",
                                      ",\"issuer-domain-names\":[\"\"]",
                                      ",\"issuer-domain-names\":[\"a b\"]",
                                      ELEVEN};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        lab = ordered(ORDER_DNS_PERSIST_01, ACCOUNT, "a.example");
        lab_answer(lab, "/authz/0", 200, authz("pending", "dns-persist-01", bad[i]));
        lab_failed(lab, ORDER_UNAVAILABLE_CA, "issuer-domain-names");
    }
}

static void test_persist_pace(void)
{
    struct lab *lab = lab_new_with(&(struct lab_options){.names = "a.example",
                                                         .challenge = ORDER_DNS_PERSIST_01,
                                                         .account_url = ACCOUNT,
                                                         .estimate = {.validate_ms = 2000},
                                                         .mono_ms = 1000});

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200,
               authz("pending", "dns-persist-01", ",\"issuer-domain-names\":[\"ca.test\"]"));
    CU_ASSERT_EQUAL(lab->timer_ms, 1500);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab->mono_ms += 1500;
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
    CU_ASSERT_EQUAL(lab->timer_ms, 250);
    lab_free(lab);
}

/* draft-ietf-acme-dns-persist: RFC 8659's issue-value syntax in a TXT record (RFC 1035 3.3). */
static void test_persist_record(void)
{
    char record[ORDER_RECORD_TEXT], url[400] = "https://ca.test/";

    CU_ASSERT_EQUAL(order_persist_record(record, "ca.test", "https://ca.test/acct/1", false), 0);
    CU_ASSERT_STRING_EQUAL(record, "\"ca.test; accounturi=https://ca.test/acct/1\"");
    CU_ASSERT_EQUAL(order_persist_record(record, "ca.test", "https://ca.test/acct/1", true), 0);
    CU_ASSERT_STRING_EQUAL(record,
                           "\"ca.test; accounturi=https://ca.test/acct/1; policy=wildcard\"");
    memset(url + strlen(url), 'x', 300);
    CU_ASSERT_EQUAL(order_persist_record(record, "ca.test", url, true), 0);
    CU_ASSERT_EQUAL(strchr(record + 1, '"') - record, 256); /* 255 octets in a string */
    CU_ASSERT(strstr(record, "\" \"") != NULL && strstr(record, "policy=wildcard\"") != NULL);
    CU_ASSERT_EQUAL(order_persist_record(record, "ca.test", "https://ca.test/a;b", true),
                    ERR_MALFORMED);
    CU_ASSERT_EQUAL(order_persist_record(record, "ca.test", "https://ca.test/a\"b", true),
                    ERR_MALFORMED);
    CU_ASSERT_EQUAL(order_persist_record(record, "", "https://ca.test/", true), ERR_MALFORMED);
    char *huge = calloc(1, ORDER_RECORD_TEXT);
    CU_ASSERT_FATAL(huge != NULL);
    memset(huge, 'x', ORDER_RECORD_TEXT - 1);
    CU_ASSERT_EQUAL(order_persist_record(record, "ca.test", huge, true), ERR_LIMIT);
    free(huge);
}

static void test_names(void)
{
    enum order_challenge challenge;

    for (int i = 0; i < ORDER_CHALLENGES; i++) {
        CU_ASSERT(
            order_challenge_parse(order_challenge_name((enum order_challenge)i), &challenge) == 0);
        CU_ASSERT((int)challenge == i);
    }
    CU_ASSERT(order_challenge_parse("http-01", &challenge) == ERR_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(order_challenge_name(ORDER_CHALLENGES), "?");
    CU_ASSERT_STRING_EQUAL(order_state_name(ORDER_STATES), "?");
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order challenges", NULL, NULL);
    CU_ADD_TEST(suite, test_account_label);
    CU_ADD_TEST(suite, test_account);
    CU_ADD_TEST(suite, test_not_offered);
    CU_ADD_TEST(suite, test_persist);
    CU_ADD_TEST(suite, test_persist_fails);
    CU_ADD_TEST(suite, test_persist_pace);
    CU_ADD_TEST(suite, test_persist_record);
    CU_ADD_TEST(suite, test_names);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

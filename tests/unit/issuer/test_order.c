/* The order machine from newOrder to the chain, as CAs behave and as they may. */
#include "order_lab.h"

#include <CUnit/Basic.h>

#include "common/encode.h"

static void issued(struct lab *lab, const char *names)
{
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), names, "Root X1"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK);
    CU_ASSERT(lab->chain != NULL && strstr(lab->chain, "END CERTIFICATE") != NULL);
    CU_ASSERT(order_get_state(lab->order) == ORDER_ISSUED);
    lab_free(lab);
}

static void failed(struct lab *lab, enum order_failure failure, const char *words)
{
    CU_ASSERT(lab->finished);
    CU_ASSERT_EQUAL(lab->failure, failure);
    CU_ASSERT(order_get_state(lab->order) == ORDER_FAILED);
    if (strstr(lab->text, words) == NULL) {
        fprintf(stderr, "wanted \"%s\" in: %s\n", words, lab->text);
        CU_FAIL("the reason is another");
    }
    CU_ASSERT(lab_event(lab, ORDER_EV_TIMER) == 0 && lab_event(lab, ORDER_EV_CANCEL) == 0);
    lab_free(lab);
}

/* -- the good way -- */

static void test_one_name(void)
{
    struct lab *lab = lab_new("a.example");
    struct order_saved saved;

    CU_ASSERT(order_get_state(lab->order) == ORDER_ORDERING);
    CU_ASSERT_STRING_EQUAL(lab_find(lab, "new")->payload,
                           "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}]}");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ",\"notBefore\":null"));
    CU_ASSERT(order_get_state(lab->order) == ORDER_AUTHORIZING);
    CU_ASSERT(lab->durable == 1);
    order_get_saved(lab->order, &saved);
    CU_ASSERT_STRING_EQUAL(saved.url, LAB_URL "/order");
    CU_ASSERT_STRING_EQUAL(lab_find(lab, "/authz/0")->payload, "(get)");
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    CU_ASSERT(order_get_state(lab->order) == ORDER_PUBLISHING);
    CU_ASSERT(lab->published == 1 && strlen(lab->values[0]) == 43);
    CU_ASSERT(!lab_open(lab, "/chall/0"));
    lab_feed(lab, &(struct order_event){
                      .kind = ORDER_EV_PUBLISHED, .generation = 4711, .retry_after_ms = -1});
    CU_ASSERT(order_get_state(lab->order) == ORDER_VALIDATING);
    CU_ASSERT_STRING_EQUAL(lab_find(lab, "/chall/0")->payload, "{}");
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_seen(lab, "a.example", 2);
    CU_ASSERT(lab->timer_ms > 0 && lab->timer_ms < 50);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    CU_ASSERT(order_get_state(lab->order) == ORDER_FINALIZING && lab->withdrawn == 1);
    CU_ASSERT(strncmp(lab_find(lab, "/finalize")->payload, "{\"csr\":\"MI", 10) == 0);
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "processing", ""));
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    CU_ASSERT(order_get_state(lab->order) == ORDER_DOWNLOADING && lab->durable == 2);
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root X1"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK && lab->chain != NULL);
    CU_ASSERT(strstr(lab->log, "ordered for a.example\n") != NULL);
    CU_ASSERT(strstr(lab->log, "published at generation 4711\n") != NULL);
    CU_ASSERT(strstr(lab->log, "asked by 2 resolvers\n") != NULL);
    CU_ASSERT(strstr(lab->log, "validated a.example\n") != NULL);
    CU_ASSERT(strstr(lab->log, "issued: serial 1234abcd, valid until 20") != NULL);
    lab_free(lab);
}

/* The value of a dns-01 record, against the arithmetic done elsewhere. */
static void test_value(void)
{
    struct lab *lab = lab_new("a.example");
    uint8_t digest[32], back[32];
    const char *key = "DGyRejmCefe7v4NfDGDKfA0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    EVP_Digest(key, strlen(key), digest, NULL, EVP_sha256(), NULL);
    CU_ASSERT(base64url_decode(back, sizeof(back), lab->values[0], 43) == 32);
    CU_ASSERT(memcmp(back, digest, 32) == 0);
    lab_free(lab);
}

static void test_wildcard_and_apex(void)
{
    static const char names[] = "*.a.example,a.example";
    struct lab *lab = lab_new(names);

    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    lab_answer(lab, "/authz/1", 200, lab_authz(1, "a.example", false, "pending"));
    CU_ASSERT(lab->published == 0);
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "A.Example", true, "pending"));
    CU_ASSERT(lab->published == 2 && strcmp(lab->values[0], lab->values[1]) != 0);
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_seen(lab, "a.example", 1);
    CU_ASSERT(lab->timer_ms >= 100); /* one challenge is not told yet */
    lab_answer(lab, "/chall/1", 200, "{}");
    CU_ASSERT(lab->timer_ms < 50);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order(names, "ready", ""));
    lab_answer(lab, "/finalize", 200, lab_order(names, "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example,*.a.example", "Root X1"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK);
    lab_free(lab);
}

static void test_valid_ones_are_skipped(void)
{
    struct lab *lab = lab_new("a.example,b.example");

    lab_answer(lab, "new", 201, lab_order("a.example,b.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "valid"));
    lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "pending"));
    CU_ASSERT(lab->published == 1);
    lab_event(lab, ORDER_EV_PUBLISHED);
    CU_ASSERT(lab_open(lab, "/chall/1") && !lab_open(lab, "/chall/0"));
    lab_answer(lab, "/chall/1", 200, "{}");
    lab_seen(lab, "b.example", 1);
    CU_ASSERT(lab->timer_ms < 50);
    lab_free(lab);

    /* all valid, and the order is still called pending for a while */
    lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "valid"));
    CU_ASSERT(lab->published == 0);
    for (int i = 0; i < 20; i++) {
        lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
        CU_ASSERT(lab->timer_ms > 0);
        lab_tick(lab);
    }
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "valid", ""));
    issued(lab, "a.example");
}

/* Every status that newOrder may bring. */
static void test_new_order_states(void)
{
    struct lab *lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "ready", ""));
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "valid", ""));
    issued(lab, "a.example");

    lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "processing", ""));
    CU_ASSERT(order_get_state(lab->order) == ORDER_FINALIZING);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    issued(lab, "a.example");

    lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("A.EXAMPLE", "valid", ""));
    issued(lab, "a.example");

    lab = lab_new("a.example");
    lab_answer(lab, "new", 201,
               lab_order("a.example", "invalid", ",\"error\":{\"detail\":\"not today\"}"));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "bad\\nrecord\\u001b[31m"));
    failed(lab, ORDER_REFUSED_CA, "a.example: dns: bad record [31m (status 400)");
}

static void test_hundred_names(void)
{
    char names[4096] = "", domain[32], path[32];

    for (unsigned i = 0; i < 100; i++) {
        snprintf(domain, sizeof(domain), "%sn%02u.example", i > 0 ? "," : "", i);
        strcat(names, domain);
    }
    struct lab *lab = lab_new(names);
    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    CU_ASSERT(strstr(lab->log, "n09.example and 90 more") != NULL);
    for (unsigned i = 100; i-- > 0;) {
        snprintf(domain, sizeof(domain), "n%02u.example", i);
        snprintf(path, sizeof(path), "/authz/%u", i);
        lab_answer(lab, path, 200, lab_authz(i, domain, false, "pending"));
    }
    CU_ASSERT(lab->waits == 100);
    lab_event(lab, ORDER_EV_PUBLISHED);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(domain, sizeof(domain), "n%02u.example", i);
        snprintf(path, sizeof(path), "/chall/%u", i);
        lab_answer(lab, path, 200, "{}");
        CU_ASSERT(lab->timer_ms >= 100);
        lab_seen(lab, domain, i + 1);
    }
    CU_ASSERT(lab->timer_ms < 50);
    size_t before = lab->post_count;
    lab_tick(lab);
    CU_ASSERT(lab->post_count == before + 1); /* one question for all names */
    lab_answer(lab, "/order", 200, lab_order(names, "ready", ""));
    lab_answer(lab, "/finalize", 200, lab_order(names, "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), names, "Root X1"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK);
    lab_free(lab);
}

/* As many as there may be, half of them wildcards: two challenges at each record. */
static void test_hundred_mixed(void)
{
    char names[8192] = "", domain[32], path[32];

    for (unsigned i = 0; i < 50; i++) {
        snprintf(domain, sizeof(domain), "n%02u.example", i);
        sprintf(names + strlen(names), "%s%s,*.%s", i > 0 ? "," : "", domain, domain);
    }
    struct lab *lab = lab_new(names);
    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    for (unsigned i = 0; i < 100; i++) {
        snprintf(domain, sizeof(domain), "n%02u.example", i / 2);
        snprintf(path, sizeof(path), "/authz/%u", i);
        lab_answer(lab, path, 200,
                   lab_authz(i, domain, i % 2 == 1, i % 10 == 7 ? "valid" : "pending"));
    }
    CU_ASSERT(lab->waits == 90);
    lab_event(lab, ORDER_EV_PUBLISHED);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(domain, sizeof(domain), "n%02u.example", i / 2);
        snprintf(path, sizeof(path), "/chall/%u", i);
        CU_ASSERT(lab_open(lab, path) == (i % 10 != 7));
        if (lab_open(lab, path))
            lab_answer(lab, path, 200, "{}");
        lab_seen(lab, domain, 1);
    }
    CU_ASSERT(lab->timer_ms < 50);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order(names, "ready", ""));
    CU_ASSERT(lab->withdrawn == 90);
    lab_answer(lab, "/finalize", 200, lab_order(names, "valid", ""));
    issued(lab, names);
}

/* -- newOrder refused -- */

static void new_order_gets(int status, const char *body, int64_t retry_after_ms,
                           enum order_failure failure, const char *words)
{
    struct lab *lab = lab_new("a.example");

    lab_answer_event(lab, "new",
                     (struct order_event){.status = status,
                                          .body = body,
                                          .location = LAB_URL "/order",
                                          .retry_after_ms = retry_after_ms,
                                          .now = 1900000000});
    failed(lab, failure, words);
}

static void test_new_order_refused(void)
{
    new_order_gets(429,
                   "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"too many\"}",
                   3600000, ORDER_REFUSED_CA,
                   "the CA did not take the order: rateLimited: too many (HTTP 429); the CA asks "
                   "to wait until 2030-03-");
    new_order_gets(403,
                   "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"no\","
                   "\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":"
                   "\"forbidden\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}}]}",
                   -1, ORDER_REFUSED_CA,
                   "rejectedIdentifier: no (HTTP 403)\n  a.example: caa: forbidden");
    new_order_gets(500, "oops", -1, ORDER_UNAVAILABLE_CA, "HTTP 500, without saying why");
    new_order_gets(201, "<html>", -1, ORDER_UNAVAILABLE_CA, "it is not a JSON object");
    new_order_gets(201, "{}", -1, ORDER_UNAVAILABLE_CA, "its status is missing");
    new_order_gets(201, lab_order("b.example", "pending", ""), -1, ORDER_UNAVAILABLE_CA,
                   "other names than ours");
    new_order_gets(201, lab_order("a.example,b.example", "pending", ""), -1, ORDER_UNAVAILABLE_CA,
                   "other names than ours");
    new_order_gets(201, lab_order("a.example", "waiting", ""), -1, ORDER_UNAVAILABLE_CA,
                   "its status is missing or unknown");
    new_order_gets(302, "", -1, ORDER_REFUSED_CA, "HTTP 302");
}

static void test_new_order_lost(void)
{
    static const struct {
        int error;
        enum order_failure failure;
    } cases[] = {{ERR_UNAVAILABLE, ORDER_UNAVAILABLE_CA},
                 {ERR_TIMEOUT, ORDER_UNAVAILABLE_CA},
                 {ERR_CA, ORDER_REFUSED_CA},
                 {ERR_CRYPTO, ORDER_BROKEN},
                 {ERR_CANCELLED, ORDER_INTERRUPTED},
                 {-12, ORDER_BROKEN}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab *lab = lab_new("a.example");
        lab_lost(lab, "new", cases[i].error);
        failed(lab, cases[i].failure, "the CA did not take the order: the line is dead");
    }
    struct lab *lab = lab_new("a.example");
    lab_answer_event(lab, "new",
                     (struct order_event){.status = 201,
                                          .body = lab_order("a.example", "pending", ""),
                                          .retry_after_ms = -1});
    failed(lab, ORDER_UNAVAILABLE_CA, "without a URL");
}

/* -- authorizations -- */

static void authz_gets(int status, const char *body, enum order_failure failure, const char *words)
{
    struct lab *lab = lab_new("a.example");

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", status, body);
    failed(lab, failure, words);
}

static void test_authorizations_refused(void)
{
    authz_gets(200, lab_authz(0, "evil.example", false, "pending"), ORDER_UNAVAILABLE_CA,
               "a name that was not ordered");
    authz_gets(200, lab_authz_failed("a.example", "NXDOMAIN"), ORDER_REFUSED_CA,
               "a.example: dns: NXDOMAIN (status 400)");
    authz_gets(200, "[]", ORDER_UNAVAILABLE_CA, "makes no sense");
    authz_gets(403, "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"gone\"}",
               ORDER_REFUSED_CA, "malformed: gone (HTTP 403)");
    authz_gets(503, "", ORDER_UNAVAILABLE_CA, "HTTP 503");
    authz_gets(200,
               "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
               "\"challenges\":[{\"type\":\"http-01\",\"url\":\"https://ca.test/x\","
               "\"token\":\"t\"},{\"type\":7},8]}",
               ORDER_REFUSED_CA, "the CA offers no dns-01 challenge for a.example");
    authz_gets(200,
               "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
               "\"challenges\":[{\"type\":\"dns-01\",\"url\":\"https://ca.test/x\","
               "\"token\":\"a\\\"b\"}]}",
               ORDER_UNAVAILABLE_CA, "not base64url");
}

static void test_no_thumbprint(void)
{
    struct lab *lab =
        lab_new_with(&(struct lab_options){.names = "a.example", .no_thumbprint = true});

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    failed(lab, ORDER_BROKEN, "the account key is not known");

    lab = lab_new_with(&(struct lab_options){.names = "a.example", .no_thumbprint = true});
    CU_ASSERT(order_set_thumbprint(lab->order, "abc") == 0);
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    CU_ASSERT(lab->published == 1);
    lab_free(lab);
}

/* -- challenges -- */

static struct lab *told(int status, const char *body)
{
    struct lab *lab = lab_new("a.example");

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", status, body);
    return lab;
}

static void test_challenge_refused(void)
{
    /* it had our word already, and is at work */
    struct lab *lab = told(400, "{\"type\":\"urn:ietf:params:acme:error:malformed\"}");
    lab_answer(lab, "/authz/0", 200,
               "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
               "\"challenges\":[{\"type\":\"dns-01\",\"status\":\"processing\",\"url\":"
               "\"https://ca.test/chall/0\",\"token\":\"t\"}]}");
    CU_ASSERT(!lab->finished);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    CU_ASSERT(lab_open(lab, "/finalize"));
    lab_free(lab);

    /* it is valid by now */
    lab = told(400, "{}");
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "valid"));
    CU_ASSERT(!lab->finished && lab->timer_ms < 50);
    lab_free(lab);

    /* it does not want it */
    lab = told(403, "{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":\"no\"}");
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    failed(lab, ORDER_REFUSED_CA, "challenge of a.example: unauthorized: no (HTTP 403)");

    failed(told(429, "{}"), ORDER_REFUSED_CA, "HTTP 429");
    failed(told(502, ""), ORDER_UNAVAILABLE_CA, "HTTP 502");
}

/* -- odd turns -- */

static void test_strangers(void)
{
    struct lab *lab = lab_new("a.example");
    uint32_t tag = lab_find(lab, "new")->tag;

    /* none of these is waited for */
    CU_ASSERT(lab_event(lab, ORDER_EV_START) == 0);
    CU_ASSERT(lab_event(lab, ORDER_EV_PUBLISHED) == 0);
    CU_ASSERT(lab_event(lab, ORDER_EV_TIMER) == 0);
    CU_ASSERT(lab_event(lab, ORDER_EV_SEEN) == 0);
    lab_seen(lab, "a.example", 1);
    for (uint32_t t = 0; t < 0x100000; t += 0x7fff) {
        if (t != tag)
            CU_ASSERT(lab_feed(lab, &(struct order_event){.kind = ORDER_EV_RESPONSE,
                                                          .tag = t,
                                                          .status = 200,
                                                          .body = ""}) == 0);
    }
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    CU_ASSERT(
        lab_feed(lab, &(struct order_event){
                          .kind = ORDER_EV_RESPONSE, .tag = tag, .status = 201, .body = ""}) == 0);
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    CU_ASSERT(lab_event(lab, ORDER_EV_PUBLISHED) == 0);
    lab_free(lab);
}

static void test_cancel_anywhere(void)
{
    struct lab *(*const stages[])(void) = {lab_validating, lab_finalizing, lab_downloading};

    for (size_t i = 0; i < 3; i++) {
        struct lab *lab = stages[i]();
        lab_event(lab, ORDER_EV_CANCEL);
        failed(lab, ORDER_INTERRUPTED, "ask again");
    }
    struct lab *lab = lab_new("a.example");
    lab_event(lab, ORDER_EV_CANCEL);
    failed(lab, ORDER_INTERRUPTED, "ask again");
    lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_CANCEL);
    CU_ASSERT(lab->withdrawn == 1);
    failed(lab, ORDER_INTERRUPTED, "ask again");
}

static void test_requests(void)
{
    struct order *order;
    enum order_state state;
    char *names[] = {(char *)"a.example"};
    uint8_t csr[1] = {0};
    struct order_request request = {.names = names, .name_count = 1, .csr = csr, .csr_len = 1};
    struct order_saved saved = {.state = ORDER_ISSUED, .url = LAB_URL};

    CU_ASSERT(order_resume(&order, &request, &saved) == ERR_RANGE);
    request.name_count = 0;
    CU_ASSERT(order_new(&order, &request) == ERR_RANGE);
    for (int i = 0; i < ORDER_STATES; i++) {
        CU_ASSERT(order_state_parse(order_state_name((enum order_state)i), &state) == 0);
        CU_ASSERT((int)state == i);
    }
    CU_ASSERT(order_state_parse("sleeping", &state) == ERR_UNKNOWN);
    order_free(NULL);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order", NULL, NULL);
    CU_ADD_TEST(suite, test_one_name);
    CU_ADD_TEST(suite, test_value);
    CU_ADD_TEST(suite, test_wildcard_and_apex);
    CU_ADD_TEST(suite, test_valid_ones_are_skipped);
    CU_ADD_TEST(suite, test_new_order_states);
    CU_ADD_TEST(suite, test_hundred_names);
    CU_ADD_TEST(suite, test_hundred_mixed);
    CU_ADD_TEST(suite, test_new_order_refused);
    CU_ADD_TEST(suite, test_new_order_lost);
    CU_ADD_TEST(suite, test_authorizations_refused);
    CU_ADD_TEST(suite, test_no_thumbprint);
    CU_ADD_TEST(suite, test_challenge_refused);
    CU_ADD_TEST(suite, test_strangers);
    CU_ADD_TEST(suite, test_cancel_anywhere);
    CU_ADD_TEST(suite, test_requests);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

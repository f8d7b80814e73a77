/* The order machine while it waits: polls, finalize, download, after a restart. */
#include "order_lab.h"

#include <CUnit/Basic.h>

static void done(struct lab *lab)
{
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK && lab->chain != NULL);
    lab_free(lab);
}

static void answer_later(struct lab *lab, const char *path, const char *body, int64_t retry_ms)
{
    lab_answer_event(lab, path,
                     (struct order_event){.status = 200, .body = body, .retry_after_ms = retry_ms});
}

/* -- polls -- */

static void test_nobody_seen(void)
{
    struct lab *lab = lab_validating();
    uint32_t last = 0, sum = 0;

    CU_ASSERT(lab->timer_ms == 100);
    for (int i = 0; i < 12; i++) {
        CU_ASSERT(lab->timer_ms >= last && lab->timer_ms <= 5000);
        last = lab->timer_ms;
        sum += last;
        lab_tick(lab);
        lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
        if (lab_open(lab, "/authz/0"))
            lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    }
    CU_ASSERT(last == 5000 && sum > 20000);
    lab_free(lab);
}

/* A Retry-After holds, whatever is seen meanwhile; without one, seen is reason to ask. */
static void test_retry_after(void)
{
    struct lab *lab = lab_validating();

    lab_tick(lab);
    answer_later(lab, "/order", lab_order("a.example", "pending", ""), 7000);
    CU_ASSERT(lab->timer_ms == 7000);
    lab_seen(lab, "a.example", 1);
    CU_ASSERT(lab->timer_ms == 7000 && !lab_open(lab, "/order"));
    lab_tick(lab);
    answer_later(lab, "/order", lab_order("a.example", "pending", ""), 0);
    CU_ASSERT(lab->timer_ms > 0 && lab->timer_ms < 50);
    lab_tick(lab);
    answer_later(lab, "/order", lab_order("a.example", "pending", ""), 900000);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the CA did not validate within 7 s");

    /* in the answer to a challenge */
    lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_seen(lab, "a.example", 1);
    answer_later(lab, "/chall/0", "{}", 3000);
    CU_ASSERT(lab->timer_ms == 3000);
    lab_free(lab);
}

static void test_never_ends(void)
{
    struct lab *lab = lab_validating();
    int polls = 0;

    while (!lab->finished && polls < 1000) {
        lab_tick(lab);
        lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
        if (!lab->finished && lab_open(lab, "/authz/0"))
            lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
        polls++;
    }
    CU_ASSERT(polls <= LIMIT_POLLS);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "and 100 questions");

    lab = lab_finalizing();
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "processing", ""));
    for (polls = 0; !lab->finished && polls < 1000; polls++) {
        lab_tick(lab);
        lab_answer(lab, "/order", 200, lab_order("a.example", "processing", ""));
    }
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the CA did not issue within");
}

static void test_poll_fails(void)
{
    struct lab *lab = lab_validating();
    lab_tick(lab);
    lab_lost(lab, "/order", ERR_TIMEOUT);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "could not be read from the CA: the line is dead");

    lab = lab_validating();
    lab_tick(lab);
    lab_answer(lab, "/order", 200, "{\"status\":\"ready\"}");
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "its identifiers are missing");

    lab = lab_validating();
    lab_tick(lab);
    lab_answer(lab, "/order", 403, "{\"type\":\"urn:ietf:params:acme:error:unauthorized\"}");
    lab_failed(lab, ORDER_REFUSED_CA, "unauthorized (HTTP 403)");
}

/* -- why it failed -- */

static void test_invalid_unseen(void)
{
    struct lab *lab = lab_validating();

    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    CU_ASSERT(!lab->finished);
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "NXDOMAIN"));
    CU_ASSERT(lab->withdrawn == 1);
    CU_ASSERT(strstr(lab->text, "the CA did not validate a.example: dns: NXDOMAIN") != NULL);
    lab_failed(lab, ORDER_REFUSED_CA,
               "nobody asked for _acme-challenge.a.example: is the record there? publish: "
               "_acme-challenge.a.example CNAME a.example.acme.example.com.");
}

static void test_invalid_seen(void)
{
    struct lab *lab = lab_validating();

    lab_seen(lab, "a.example", 4);
    lab_tick(lab);
    lab_answer(lab, "/order", 200,
               lab_order("a.example", "invalid", ",\"error\":{\"detail\":\"one failed\"}"));
    lab_event(lab, ORDER_EV_TIMER);
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "wrong value"));
    CU_ASSERT(strstr(lab->text, "nobody") == NULL);
    CU_ASSERT(strstr(lab->text, "one failed") != NULL);
    lab_failed(lab, ORDER_REFUSED_CA, "4 resolvers asked");

    /* said once where the order repeats its authorization */
    lab = lab_validating();
    lab_tick(lab);
    lab_answer(lab, "/order", 200,
               lab_order("a.example", "invalid", ",\"error\":{\"detail\":\"NXDOMAIN\"}"));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "NXDOMAIN"));
    CU_ASSERT(strstr(strstr(lab->text, "NXDOMAIN") + 1, "NXDOMAIN") == NULL);
    lab_failed(lab, ORDER_REFUSED_CA, "NXDOMAIN");

    /* even where the authorizations cannot be had */
    lab = lab_validating();
    lab_tick(lab);
    lab_answer(lab, "/order", 200,
               lab_order("a.example", "invalid", ",\"error\":{\"detail\":\"one failed\"}"));
    lab_lost(lab, "/authz/0", ERR_UNAVAILABLE);
    lab_failed(lab, ORDER_REFUSED_CA, "the CA did not validate a.example: one failed");
}

/* An order that stays pending while an authorization has failed. */
static void test_found_by_looking_closer(void)
{
    struct lab *lab = lab_validating();

    for (int i = 0; i < 20 && !lab_open(lab, "/authz/0"); i++) {
        lab_tick(lab);
        lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
    }
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "NXDOMAIN"));
    lab_failed(lab, ORDER_REFUSED_CA, "a.example: dns: NXDOMAIN");
}

/* -- finalize -- */

static const char *const not_ready =
    "{\"type\":\"urn:ietf:params:acme:error:orderNotReady\",\"detail\":\"wait\"}";

static void test_not_ready(void)
{
    struct lab *lab = lab_finalizing();

    lab_answer(lab, "/finalize", 403, not_ready);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    done(lab);

    lab = lab_finalizing();
    for (int i = 0; i < 10 && !lab->finished; i++) {
        lab_answer(lab, "/finalize", 403, not_ready);
        lab_tick(lab);
        lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    }
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "again and again");
}

static void test_finalize_refused(void)
{
    struct lab *lab = lab_finalizing();
    lab_answer(lab, "/finalize", 400,
               "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"weak key\"}");
    lab_failed(lab, ORDER_REFUSED_CA, "the CA did not take the CSR: badCSR: weak key (HTTP 400)");

    lab = lab_finalizing();
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "processing", ""));
    lab_tick(lab);
    lab_answer(lab, "/order", 200,
               lab_order("a.example", "invalid",
                         ",\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\","
                         "\"detail\":\"CAA forbids\"}"));
    lab_failed(lab, ORDER_REFUSED_CA, "the CA did not issue the certificate: caa: CAA forbids");
}

/* The CA goes away after it may have issued: nothing is lost. */
static void test_outage(void)
{
    struct lab *lab = lab_finalizing();

    lab_lost(lab, "/finalize", ERR_UNAVAILABLE);
    CU_ASSERT(!lab->finished && lab->timer_ms >= 1000);
    lab_tick(lab);
    lab_answer(lab, "/order", 503, "");
    CU_ASSERT(!lab->finished && lab->timer_ms >= 1000);
    lab_tick(lab);
    answer_later(lab, "/order", lab_order("a.example", "ready", ""), -1);
    answer_later(lab, "/finalize", lab_order("a.example", "ready", ""), -1);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    lab_lost(lab, "/cert", ERR_TIMEOUT);
    lab_tick(lab);
    lab_answer(lab, "/cert", 500, "");
    lab_tick(lab);
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    done(lab);

    lab = lab_downloading();
    for (int i = 0; i < 1000 && !lab->finished; i++) {
        lab_lost(lab, "/cert", ERR_UNAVAILABLE);
        if (!lab->finished)
            lab_tick(lab);
    }
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "could not be downloaded: the line is dead");
}

static void test_finalize_always_500(void)
{
    struct lab *lab = lab_finalizing();
    int tries = 0;

    for (; tries < 100 && !lab->finished; tries++) {
        lab_answer(lab, "/finalize", 500, "");
        if (!lab->finished) {
            lab_tick(lab);
            lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
        }
    }
    CU_ASSERT(tries > 1 && tries < 10);
    CU_ASSERT(strstr(lab->log, "the CA is away (HTTP 500); asking again in ") != NULL);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the CA did not take the CSR: HTTP 500");
}

/* -- download -- */

static void test_download_refused(void)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");
    struct lab *lab = lab_downloading();
    lab_answer(lab, "/cert", 404, "");
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    lab_answer(lab, "/cert", 404, "");
    lab_failed(lab, ORDER_REFUSED_CA, "could not be downloaded: HTTP 404");

    lab = lab_downloading();
    lab_answer(lab, "/cert", 200, "<html>soon</html>");
    lab_failed(lab, ORDER_REFUSED_CA, "what the CA gave is not the certificate");

    lab = lab_downloading();
    lab_answer(lab, "/cert", 200, lab_chain_of(other, "a.example", "Root"));
    lab_failed(lab, ORDER_REFUSED_CA, "another key than the CSR");

    lab = lab_downloading();
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example,b.example", "Root"));
    lab_failed(lab, ORDER_REFUSED_CA, "other names than were ordered");
    EVP_PKEY_free(other);
}

/* -- after a restart -- */

static struct lab *resumed(enum order_state state, const char *certificate_url)
{
    static struct order_saved saved;

    saved = (struct order_saved){.state = state,
                                 .url = LAB_URL "/order",
                                 .finalize_url = LAB_URL "/finalize",
                                 .certificate_url = certificate_url};
    return lab_new_with(&(struct lab_options){.names = "a.example", .saved = &saved});
}

static void test_resumed_before_the_url(void)
{
    struct order_saved saved = {.state = ORDER_ORDERING};
    struct lab *lab = lab_new_with(&(struct lab_options){.names = "a.example", .saved = &saved});

    CU_ASSERT(lab_open(lab, "new"));
    lab_free(lab);
}

static void test_resumed(void)
{
    struct lab *lab = resumed(ORDER_VALIDATING, NULL);
    lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    CU_ASSERT(lab->published == 1);
    lab_event(lab, ORDER_EV_PUBLISHED);
    CU_ASSERT(lab_open(lab, "/chall/0"));
    lab_free(lab);

    lab = resumed(ORDER_FINALIZING, NULL);
    lab_answer(lab, "/order", 200, lab_order("a.example", "processing", ""));
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    done(lab);

    lab = resumed(ORDER_AUTHORIZING, NULL);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    CU_ASSERT(lab_open(lab, "/finalize"));
    lab_free(lab);

    lab = resumed(ORDER_DOWNLOADING, LAB_URL "/old-cert");
    lab_lost(lab, "/order", ERR_UNAVAILABLE);
    CU_ASSERT(!lab->finished);
    lab_tick(lab);
    if (lab_open(lab, "/old-cert"))
        lab_answer(lab, "/old-cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    done(lab);

    lab = resumed(ORDER_FINALIZING, NULL);
    lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "valid"));
    CU_ASSERT(lab_open(lab, "/order"));
    lab_free(lab);
}

static void test_resumed_too_late(void)
{
    struct lab *lab = resumed(ORDER_VALIDATING, NULL);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "NXDOMAIN"));
    lab_failed(lab, ORDER_REFUSED_CA, "a.example: dns: NXDOMAIN");

    lab = resumed(ORDER_FINALIZING, NULL);
    lab_answer(lab, "/order", 200, lab_order("b.example", "valid", ""));
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "other names than ours");
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order waiting", NULL, NULL);
    CU_ADD_TEST(suite, test_nobody_seen);
    CU_ADD_TEST(suite, test_retry_after);
    CU_ADD_TEST(suite, test_never_ends);
    CU_ADD_TEST(suite, test_poll_fails);
    CU_ADD_TEST(suite, test_invalid_unseen);
    CU_ADD_TEST(suite, test_invalid_seen);
    CU_ADD_TEST(suite, test_found_by_looking_closer);
    CU_ADD_TEST(suite, test_not_ready);
    CU_ADD_TEST(suite, test_finalize_refused);
    CU_ADD_TEST(suite, test_outage);
    CU_ADD_TEST(suite, test_finalize_always_500);
    CU_ADD_TEST(suite, test_download_refused);
    CU_ADD_TEST(suite, test_resumed_before_the_url);
    CU_ADD_TEST(suite, test_resumed);
    CU_ADD_TEST(suite, test_resumed_too_late);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

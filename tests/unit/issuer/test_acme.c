/*
 * Requests to a CA, with HTTP and the signer played by the test.
 */
#include "acme_fixture.h"

/* -- tests -- */

static void test_from_nothing(void)
{
    struct fixture *f = setup(NULL, NULL);
    struct got got;

    post(f, NULL, "{\"order\":1}", &got);
    CU_ASSERT(acme_account_url(f->acme) == NULL && acme_thumbprint(f->acme) == NULL);
    answer_directory(f);
    answer_nonce(f, "n1");
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/acct")->body,
                           "url=https://ca/acct nonce=n1 kid=- payload={\"termsOfServiceAgreed\":"
                           "true,\"contact\":[\"mailto:h@a.example\"]}");
    answer(f, "https://ca/acct",
           (struct answer){.status = 201, .location = "https://ca/acct/7", .nonce = "n2"});
    CU_ASSERT_STRING_EQUAL(f->account, "https://ca/acct/7");
    CU_ASSERT_STRING_EQUAL(acme_account_url(f->acme), "https://ca/acct/7");
    CU_ASSERT_STRING_EQUAL(acme_thumbprint(f->acme), "thumb");
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/order")->body,
                           "url=https://ca/order nonce=n2 kid=https://ca/acct/7 "
                           "payload={\"order\":1}");
    answer(f, "https://ca/order",
           (struct answer){.status = 201,
                           .location = "https://ca/order/1",
                           .body = "{}",
                           .nonce = "n3",
                           .retry_after_ms = 3000});
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 201 && got.retry_after_ms == 3000);
    CU_ASSERT_STRING_EQUAL(got.location, "https://ca/order/1");

    /* the next one needs nothing but itself */
    size_t before = f->http.count;
    post(f, "https://ca/order/1", NULL, &got);
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/order/1")->body,
                           "url=https://ca/order/1 nonce=n3 kid=https://ca/acct/7 payload=-");
    CU_ASSERT(f->http.count == before + 1);
    answer(f, "https://ca/order/1", (struct answer){.status = 404, .body = "{}"});
    CU_ASSERT(got.count == 1 && got.status == 404 && got.retry_after_ms == -1);
    teardown(f);
}

static void test_ready(void)
{
    struct fixture *f = setup("https://ca/acct/7", "thumb");
    struct got got = {0};

    CU_ASSERT(acme_ready(f->acme, on_response, &got) == 0);
    answer_directory(f);
    find(f, "");
    CU_ASSERT(got.count == 0);
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0 && f->http.count == 1);
    CU_ASSERT_STRING_EQUAL(acme_directory_url(f->acme), DIRECTORY);
    teardown(f);
}

/* 64 at once: one directory, one account, each its own nonce and its own way. */
static void test_many(void)
{
    enum { MANY = 64 };
    struct fixture *f = setup("https://ca/acct/7", NULL);
    struct got got[MANY];
    char url[64], nonce[16];

    for (int i = 0; i < MANY; i++) {
        snprintf(url, sizeof(url), "https://ca/x/%d", i);
        post(f, url, NULL, &got[i]);
    }
    CU_ASSERT(f->http.count == 1);
    answer_directory(f);
    find(f, "");
    CU_ASSERT(f->http.count == 1 + MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(nonce, sizeof(nonce), "n%d", i);
        answer_nonce(f, nonce);
    }
    CU_ASSERT(find(f, "https://ca/nonce") == NULL);
    for (int i = MANY; i-- > 0;) {
        snprintf(url, sizeof(url), "https://ca/x/%d", i);
        answer(f, url, (struct answer){.status = 200});
        CU_ASSERT(got[i].count == 1 && got[i].status == 200);
    }
    teardown(f);
}

static struct fixture *ready(struct got *got)
{
    struct fixture *f = setup("https://ca/acct/7", NULL);

    post(f, "https://ca/x", "{}", got);
    answer_directory(f);
    answer_nonce(f, "n1");
    return f;
}

static void test_bad_nonce(void)
{
    static const char bad[] = "{\"type\":\"urn:ietf:params:acme:error:badNonce\"}";
    struct got got;
    struct fixture *f = ready(&got);

    answer(f, "https://ca/x", (struct answer){.status = 400, .body = bad, .nonce = "fresh"});
    CU_ASSERT(strstr(find(f, "https://ca/x")->body, "nonce=fresh") != NULL);
    answer(f, "https://ca/x", (struct answer){.status = 400, .body = bad});
    answer_nonce(f, "n2");
    for (int i = 0; i < LIMIT_BADNONCE - 2; i++) {
        CU_ASSERT(got.count == 0);
        answer(f, "https://ca/x", (struct answer){.status = 400, .body = bad, .nonce = "again"});
    }
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    CU_ASSERT(strstr(got.text, "badNonce") != NULL);
    CU_ASSERT(find(f, "https://ca/x") == NULL);
    teardown(f);
}

static void test_lost_and_500(void)
{
    struct got got;
    struct fixture *f = ready(&got);

    answer(f, "https://ca/x", (struct answer){.error = ERR_UNAVAILABLE});
    CU_ASSERT_FATAL(wait_for(f, DIRECTORY)); /* what failed may have moved */
    answer_directory(f);
    answer_nonce(f, "n2");
    answer(f, "https://ca/x", (struct answer){.status = 503, .nonce = "n3"});
    CU_ASSERT(got.count == 0);
    CU_ASSERT_FATAL(wait_for(f, "https://ca/x"));
    answer(f, "https://ca/x", (struct answer){.status = 200, .body = "ok"});
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 200);

    /* a Retry-After that is longer than we try */
    post(f, "https://ca/x", "{}", &got);
    answer_nonce(f, "n4");
    answer(f, "https://ca/x", (struct answer){.status = 503, .retry_after_ms = 3600000});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_UNAVAILABLE);
    CU_ASSERT(strstr(got.text, "https://ca/x: HTTP 503") != NULL);

    /* 4xx is the caller's at once */
    post(f, "https://ca/x", "{}", &got);
    answer_nonce(f, "n5");
    answer(f, "https://ca/x", (struct answer){.status = 429, .retry_after_ms = 60000});
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 429);
    teardown(f);
}

static void test_down(void)
{
    struct fixture *f = setup(NULL, NULL);
    struct got got;
    int tries = 0;

    post(f, NULL, "{}", &got);
    while (got.count == 0 && tries < 50) {
        if (find(f, DIRECTORY) != NULL) {
            answer(f, DIRECTORY, (struct answer){.error = ERR_UNAVAILABLE});
            tries++;
        }
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    CU_ASSERT(tries == 5 && got.count == 1 && got.error == ERR_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(got.text, "the line is dead");
    teardown(f);
}

static void test_not_acme(void)
{
    static const struct answer answers[] = {{.status = 200, .body = "<html>"},
                                            {.status = 404, .body = "nope"},
                                            {.status = 200, .body = "{\"newNonce\":7}"},
                                            {.error = ERR_LIMIT}};

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct fixture *f = setup(NULL, NULL);
        struct got got;
        post(f, NULL, "{}", &got);
        answer(f, DIRECTORY, answers[i]);
        CU_ASSERT(got.count == 0);
        turn(f);
        CU_ASSERT(got.count == 1 &&
                  got.error == (answers[i].error != 0 ? ERR_LIMIT : ERR_UNAVAILABLE));
        CU_ASSERT(answers[i].error != 0 || strstr(got.text, DIRECTORY ": ") != NULL);
        teardown(f);
    }
}

static void test_account_refused(void)
{
    struct fixture *f = setup(NULL, NULL);
    struct got got, second;

    post(f, NULL, "{}", &got);
    post(f, NULL, "{}", &second);
    answer_directory(f);
    answer_nonce(f, "n1");
    answer(f, "https://ca/acct",
           (struct answer){.status = 403,
                           .body = "{\"type\":\"urn:ietf:params:acme:error:"
                                   "externalAccountRequired\",\"detail\":\"who are you\"}"});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA && second.count == 1);
    CU_ASSERT(strstr(got.text, "the CA refused our account: externalAccountRequired: who") != NULL);

    post(f, NULL, "{}", &got);
    answer_nonce(f, "n2");
    answer(f, "https://ca/acct", (struct answer){.status = 201});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_UNAVAILABLE);
    CU_ASSERT(f->account[0] == '\0');
    teardown(f);
}

static void test_account_lost(void)
{
    static const char gone[] = "{\"type\":\"urn:ietf:params:acme:error:accountDoesNotExist\"}";
    struct got got;
    struct fixture *f = ready(&got);

    answer(f, "https://ca/x", (struct answer){.status = 400, .body = gone, .nonce = "n2"});
    CU_ASSERT(got.count == 0);
    answer(f, "https://ca/acct",
           (struct answer){.status = 200, .location = "https://ca/acct/8", .nonce = "n3"});
    CU_ASSERT_STRING_EQUAL(f->account, "https://ca/acct/8");
    CU_ASSERT(strstr(find(f, "https://ca/x")->body, "kid=https://ca/acct/8") != NULL);
    answer(f, "https://ca/x", (struct answer){.status = 400, .body = gone, .nonce = "n4"});
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 400); /* once only */
    teardown(f);

    /* a key that is not the account's */
    f = setup("https://ca/acct/7", "another");
    post(f, NULL, "{}", &got);
    answer_directory(f);
    answer_nonce(f, "n1");
    CU_ASSERT(find(f, "https://ca/acct") != NULL);
    teardown(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
}

static void test_directory_moved(void)
{
    struct fixture *f = setup("https://ca/acct/7", NULL);
    struct got got;

    post(f, NULL, "{}", &got);
    answer_directory(f);
    answer_nonce(f, "n1");
    answer(f, "https://ca/order", (struct answer){.status = 404, .nonce = "n2"});
    answer(f, DIRECTORY,
           (struct answer){.status = 200,
                           .body = "{\"newNonce\":\"https://ca/nonce\",\"newAccount\":"
                                   "\"https://ca/acct\",\"newOrder\":\"https://ca/order2\"}"});
    answer(f, "https://ca/order2", (struct answer){.status = 201});
    CU_ASSERT(got.count == 1 && got.status == 201);
    teardown(f);
}

static void test_signer_refuses(void)
{
    struct fixture *f = setup(NULL, NULL);
    struct got got;

    f->signer.refuse = true;
    post(f, NULL, "{}", &got);
    answer_directory(f);
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CRYPTO);
    CU_ASSERT_STRING_EQUAL(got.text, "signer: no");
    teardown(f);
}

static void test_cancel(void)
{
    struct got got, other;
    struct fixture *f = ready(&got);
    struct acme_request *request;

    CU_ASSERT(acme_post(f->acme, "https://ca/y", NULL, on_response, &other, &request) == 0);
    acme_cancel(request);
    acme_cancel(NULL);
    CU_ASSERT(acme_post(f->acme, "not a url", NULL, on_response, &other, NULL) == 0);
    other.count = 0;
    answer_nonce(f, "n2");
    find(f, "");
    turn(f);
    CU_ASSERT(other.count == 1 && other.error == ERR_MALFORMED);
    CU_ASSERT(find(f, "https://ca/x") != NULL);
    teardown(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
    acme_free(NULL);
}

/* RFC 9773 4.1: an unsigned GET, which needs no account, nor a directory read anew for a 404. */
static void test_get_resource(void)
{
    struct fixture *f = setup(NULL, NULL);
    struct got got = {0};

    CU_ASSERT(acme_get_resource(f->acme, ACME_RENEWAL_INFO, "a.b", on_response, &got, NULL) == 0);
    answer_resources(f, ",\"renewalInfo\":\"https://ca/ari\"");
    CU_ASSERT_FATAL(find(f, "https://ca/ari/a.b") != NULL);
    CU_ASSERT(find(f, "https://ca/ari/a.b")->method == HTTP_GET && f->http.count == 2);
    answer(f, "https://ca/ari/a.b",
           (struct answer){.status = 200, .body = "{}", .retry_after_ms = 5000});
    CU_ASSERT(got.count == 1 && got.status == 200 && got.retry_after_ms == 5000);
    CU_ASSERT(acme_get_resource(f->acme, ACME_RENEWAL_INFO, "c.d", on_response, &got, NULL) == 0);
    answer(f, "https://ca/ari/c.d", (struct answer){.status = 404});
    CU_ASSERT(got.count == 2 && got.status == 404 && f->http.count == 3);
    CU_ASSERT(acme_get_resource(f->acme, ACME_RENEWAL_INFO, "e f", on_response, &got, NULL) == 0);
    turn(f);
    CU_ASSERT(got.count == 3 && got.error == ERR_MALFORMED);
    teardown(f);
}

/* RFC 8555 7.6: revokeCert is signed by the account. */
static void test_post_resource(void)
{
    struct fixture *f = setup("https://ca/acct/7", "thumb");
    struct got got = {0};

    CU_ASSERT(acme_post_resource(f->acme, ACME_REVOKE_CERT, "{1}", on_response, &got, NULL) == 0);
    answer_resources(f, ",\"revokeCert\":\"https://ca/revoke\"");
    answer_nonce(f, "n1");
    CU_ASSERT_FATAL(find(f, "https://ca/revoke") != NULL);
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/revoke")->body,
                           "url=https://ca/revoke nonce=n1 kid=https://ca/acct/7 payload={1}");
    answer(f, "https://ca/revoke", (struct answer){.status = 200});
    CU_ASSERT(got.count == 1 && got.status == 200);
    teardown(f);
}

static void test_no_resource(void)
{
    struct fixture *f = setup("https://ca/acct/7", "thumb");
    struct got get = {0}, post = {0};

    CU_ASSERT(acme_get_resource(f->acme, ACME_RENEWAL_INFO, "x", on_response, &get, NULL) == 0);
    CU_ASSERT(acme_post_resource(f->acme, ACME_REVOKE_CERT, "{}", on_response, &post, NULL) == 0);
    answer_resources(f, ",\"revokeCert\":\"http://ca/revoke\"");
    answer_nonce(f, "n1");
    turn(f);
    CU_ASSERT(get.count == 1 && get.error == ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(get.text, "the CA " DIRECTORY " has no renewal information (RFC 9773)");
    CU_ASSERT(post.count == 1 && post.error == ERR_NOT_FOUND);
    teardown(f);
}

/* RFC 8555 7.6: what somebody else signs needs a nonce that nobody else gets, and no account. */
static const char *last_nonce;
static void on_nonce(void *arg, const struct acme_response *response)
{
    static char kept[64];

    on_response(arg, response);
    (void)snprintf(kept, sizeof(kept), "%s %s", response->nonce != NULL ? response->nonce : "-",
                   response->location != NULL ? response->location : "-");
    last_nonce = kept;
}

static void test_signed_elsewhere(void)
{
    struct fixture *f = setup("https://ca/acct/7", "thumb");
    struct got nonce = {0}, post = {0};

    CU_ASSERT(acme_get_nonce(f->acme, ACME_REVOKE_CERT, on_nonce, &nonce, NULL) == 0);
    answer_resources(f, ",\"revokeCert\":\"https://ca/revoke\"");
    answer_nonce(f, "n1");
    turn(f);
    CU_ASSERT(nonce.count == 1 && nonce.error == 0);
    CU_ASSERT_STRING_EQUAL(last_nonce, "n1 https://ca/revoke");
    CU_ASSERT(acme_post_signed(f->acme, ACME_REVOKE_CERT, "https://ca/other", "{}", on_response,
                               &post, NULL) == 0);
    turn(f);
    CU_ASSERT(post.count == 1 && post.error == ERR_RANGE);
    CU_ASSERT(acme_post_signed(f->acme, ACME_REVOKE_CERT, "https://ca/revoke", "{jws}", on_response,
                               &post, NULL) == 0);
    CU_ASSERT_FATAL(find(f, "https://ca/revoke") != NULL);
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/revoke")->body, "{jws}");
    answer(f, "https://ca/revoke",
           (struct answer){.status = 400,
                           .body = "{\"type\":\"urn:ietf:params:acme:error:badNonce\"}"});
    CU_ASSERT(post.count == 2 && post.status == 400 && post.error == 0);
    CU_ASSERT(acme_post_signed(f->acme, ACME_REVOKE_CERT, "https://ca/revoke", "{jws}", on_response,
                               &post, NULL) == 0);
    answer(f, "https://ca/revoke", (struct answer){.status = 500});
    CU_ASSERT(post.count == 3 && post.status == 500);
    teardown(f);
}

static void test_nowhere_to_sign_for(void)
{
    struct fixture *f = setup("https://ca/acct/7", "thumb");
    struct got nonce = {0}, post = {0};

    CU_ASSERT(acme_get_nonce(f->acme, ACME_REVOKE_CERT, on_nonce, &nonce, NULL) == 0);
    CU_ASSERT(acme_post_signed(f->acme, ACME_REVOKE_CERT, "https://ca/revoke", "{}", on_response,
                               &post, NULL) == 0);
    answer_resources(f, "");
    turn(f);
    CU_ASSERT(nonce.count == 1 && nonce.error == ERR_NOT_FOUND);
    CU_ASSERT(post.count == 1 && post.error == ERR_NOT_FOUND);
    teardown(f);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("acme", NULL, NULL);
    CU_ADD_TEST(suite, test_from_nothing);
    CU_ADD_TEST(suite, test_signed_elsewhere);
    CU_ADD_TEST(suite, test_nowhere_to_sign_for);
    CU_ADD_TEST(suite, test_ready);
    CU_ADD_TEST(suite, test_many);
    CU_ADD_TEST(suite, test_bad_nonce);
    CU_ADD_TEST(suite, test_lost_and_500);
    CU_ADD_TEST(suite, test_down);
    CU_ADD_TEST(suite, test_not_acme);
    CU_ADD_TEST(suite, test_account_refused);
    CU_ADD_TEST(suite, test_account_lost);
    CU_ADD_TEST(suite, test_directory_moved);
    CU_ADD_TEST(suite, test_signer_refuses);
    CU_ADD_TEST(suite, test_cancel);
    CU_ADD_TEST(suite, test_get_resource);
    CU_ADD_TEST(suite, test_post_resource);
    CU_ADD_TEST(suite, test_no_resource);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

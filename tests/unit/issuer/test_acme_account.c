/*
 * Accounts (RFC 8555 7.3): found, bound, made, kept up to date; limits on the way to them; the
 * directory's age.
 */
#include "acme_fixture.h"

#define PROBLEM(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"because\"}"
#define GONE          PROBLEM("accountDoesNotExist")
#define BAD_SIGNATURE                                                                              \
    "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"JWS verification error\"}"
#define DIRECTORY_BODY(more)                                                                       \
    "{\"newNonce\":\"https://ca/nonce\",\"newAccount\":\"https://ca/acct\","                       \
    "\"newOrder\":\"https://ca/order\"" more "}"

static void answer_with(struct fixture *f, const char *body)
{
    answer(f, DIRECTORY, (struct answer){.status = 200, .body = body});
}

/* The next answer of newAccount, which brings a nonce. */
static void answer_account(struct fixture *f, int status, const char *url, const char *body)
{
    answer(f, "https://ca/acct",
           (struct answer){.status = status, .location = url, .body = body, .nonce = "n"});
}

static struct fixture *begin(const struct acme_account *account, struct acme_settings settings,
                             const char *directory, struct got *got)
{
    struct fixture *f = setup_with(account, settings);

    post(f, "https://ca/x", "{}", got);
    answer_with(f, directory);
    find(f, "");
    return f;
}

/* -- external account binding (RFC 8555 7.3.4) -- */

static void test_bound(void)
{
    const struct acme_settings settings = {.eab_kid = "kid-1"};
    struct got got;
    struct fixture *f =
        begin(NULL, settings, DIRECTORY_BODY(",\"meta\":{\"externalAccountRequired\":true}"), &got);

    answer_nonce(f, "n1");
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/acct")->body,
                           "url=https://ca/acct nonce=n1 kid=- payload={\"termsOfServiceAgreed\":"
                           "true,\"externalAccountBinding\":{\"binds\":\"acct ca "
                           "https://ca/acct\"}}");
    answer_account(f, 201, "https://ca/acct/1", "{\"status\":\"valid\"}");
    CU_ASSERT_STRING_EQUAL(f->record, "https://ca/acct/1|acct|-|||valid|kid-1");
    CU_ASSERT(find(f, "https://ca/x") != NULL);
    CU_ASSERT(acme_wants_binding(f->acme));
    teardown(f);
}

static void test_not_bound(void)
{
    struct got got;
    struct fixture *f = begin(NULL, (struct acme_settings){0},
                              DIRECTORY_BODY(",\"meta\":{\"externalAccountRequired\":true}"), &got);

    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    CU_ASSERT(strstr(got.text, "eab-kid") != NULL);
    CU_ASSERT(f->http.count == 1 && f->saved == 0); /* the CA heard nothing of it */
    teardown(f);
}

static void test_signer_lacks_binding(void)
{
    const struct acme_settings settings = {.eab_kid = "kid-1"};
    struct fixture *f = setup_with(NULL, settings);
    struct got got;

    post(f, "https://ca/x", "{}", &got);
    answer_with(f, DIRECTORY_BODY(""));
    for (size_t i = 0; i < 3 && f->signer.asked[0] == '\0'; i++) {
        struct signer_request r = f->signer.open[i];
        f->signer.open[i].id = 0;
        sign_one(&f->signer, &r); /* the list, then the key */
    }
    struct signer_request key = f->signer.open[1];
    f->signer.open[1].id = 0;
    sign_one(&f->signer, &key);
    f->signer.refuse = true;
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CRYPTO);
    CU_ASSERT_STRING_EQUAL(got.text, "signer: no");
    teardown(f);
}

/* -- found by its key (RFC 8555 7.3.1) -- */

static struct fixture *two_keys(struct got *got)
{
    struct fixture *f = setup_with(NULL, (struct acme_settings){.email = "h@a.example"});

    f->signer.keys[0] = "acct-2";
    f->signer.keys[1] = "acct";
    f->signer.key_count = 2;
    post(f, "https://ca/x", "{}", got);
    answer_with(f, DIRECTORY_BODY(",\"meta\":{\"termsOfService\":\"https://ca/tos\"}"));
    answer_nonce(f, "n1");
    return f;
}

static void test_found(void)
{
    struct got got;
    struct fixture *f = two_keys(&got);

    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/acct")->body,
                           "url=https://ca/acct nonce=n1 kid=- payload={\"onlyReturnExisting\":"
                           "true} key=acct-2");
    answer_account(f, 400, NULL, GONE);
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/acct")->body,
                           "url=https://ca/acct nonce=n kid=- payload={\"onlyReturnExisting\":"
                           "true}");
    answer_account(f, 200, "https://ca/acct/5", "{\"contact\":[\"mailto:h@a.example\"]}");
    CU_ASSERT(find(f, "https://ca/x") != NULL);
    CU_ASSERT_STRING_EQUAL(f->record,
                           "https://ca/acct/5|acct|-|h@a.example|https://ca/tos|valid|-");
    CU_ASSERT(f->saved == 1); /* one write for all of it */
    teardown(f);
}

/* None of the keys has an account: the newest gets one. */
static void test_made_anew(void)
{
    struct got got;
    struct fixture *f = two_keys(&got);

    answer_account(f, 400, NULL, GONE);
    answer_account(f, 400, NULL, GONE);
    CU_ASSERT(strstr(find(f, "https://ca/acct")->body, "termsOfServiceAgreed") != NULL);
    CU_ASSERT(strstr(find(f, "https://ca/acct")->body, "key=acct-2") != NULL);
    answer_account(f, 201, "https://ca/acct/9", "{}");
    CU_ASSERT_STRING_EQUAL(f->record,
                           "https://ca/acct/9|acct-2|-|h@a.example|https://ca/tos|valid|-");
    teardown(f);
}

static void test_found_deactivated(void)
{
    struct got got;
    struct fixture *f = two_keys(&got);

    answer_account(f, 200, "https://ca/acct/5", "{\"status\":\"deactivated\"}");
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    CU_ASSERT(strstr(got.text, "https://ca/acct/5 is deactivated") != NULL);
    CU_ASSERT(strstr(got.text, "accounts register ca") != NULL);
    /* said again without asking the CA again */
    size_t before = f->http.count;
    post(f, "https://ca/y", "{}", &got);
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA && f->http.count == before);
    teardown(f);
}

static void test_not_found_out(void)
{
    struct got got;
    struct fixture *f = two_keys(&got);

    answer_account(f, 403, NULL, PROBLEM("rejectedIdentifier"));
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    CU_ASSERT(strstr(got.text, "whether there is an account: rejectedIdentifier: because") != NULL);
    post(f, "https://ca/x", "{}", &got);
    answer_account(f, 200, NULL, "{}"); /* no URL */
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    teardown(f);
}

/* -- the one on record is not taken: the store is older than the last change of account or key --
 */

static struct fixture *doubted(int status, const char *body, struct got *got)
{
    struct fixture *f = setup("https://ca/acct/7", NULL);

    f->signer.keys[0] = "acct-2";
    f->signer.keys[1] = "acct";
    f->signer.key_count = 2;
    post(f, "https://ca/x", "{}", got);
    answer_directory(f);
    answer_nonce(f, "n1");
    answer(f, "https://ca/x", (struct answer){.status = status, .body = body, .nonce = "n2"});
    return f;
}

static void test_another_is_found(void)
{
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        {403, PROBLEM("unauthorized")}, {401, PROBLEM("unauthorized")}, {400, BAD_SIGNATURE}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct got got;
        struct fixture *f = doubted(cases[i].status, cases[i].body, &got);

        CU_ASSERT(strstr(find(f, "https://ca/acct")->body, "key=acct-2") != NULL);
        answer_account(f, 200, "https://ca/acct/8", "{}");
        CU_ASSERT(strstr(find(f, "https://ca/x")->body, "kid=https://ca/acct/8 ") != NULL);
        CU_ASSERT(strstr(find(f, "https://ca/x")->body, "key=acct-2") != NULL);
        CU_ASSERT_STRING_EQUAL(f->record, "https://ca/acct/8|acct-2|-|h@a.example||valid|-");
        answer(f, "https://ca/x",
               (struct answer){.status = cases[i].status, .body = cases[i].body, .nonce = "n3"});
        CU_ASSERT(got.count == 1 && got.status == cases[i].status);
        /* the same error has another cause then: nobody is asked, for a while */
        post(f, "https://ca/y", "{}", &got);
        answer(f, "https://ca/y", (struct answer){.status = 403, .body = PROBLEM("unauthorized")});
        CU_ASSERT(got.count == 1 && got.status == 403 && find(f, "https://ca/acct") == NULL);
        f->loop.time += 600000;
        post(f, "https://ca/y", "{}", &got);
        answer_nonce(f, "n4");
        answer(f, "https://ca/y", (struct answer){.status = 403, .body = PROBLEM("unauthorized")});
        CU_ASSERT(got.count == 0);
        teardown(f);
    }
}

static void test_other_errors(void)
{
    struct got got;
    struct fixture *f = doubted(404, BAD_SIGNATURE, &got);

    CU_ASSERT(got.count == 1 && got.status == 404 && find(f, "https://ca/acct") == NULL);
    teardown(f);
    f = doubted(400, PROBLEM("malformed"), &got);
    CU_ASSERT(got.count == 1 && got.status == 400 && find(f, "https://ca/acct") == NULL);
    teardown(f);
    f = doubted(403, PROBLEM("rejectedIdentifier"), &got);
    CU_ASSERT(got.count == 1 && got.status == 403 && find(f, "https://ca/acct") == NULL);
    teardown(f);
}

static void test_all_keys_refused(void)
{
    struct got got, made = {0};
    struct fixture *f = doubted(403, PROBLEM("unauthorized"), &got);

    for (size_t i = 0; i < 2; i++) { /* each order asks again: the CA may change its mind */
        answer_account(f, 403, NULL, PROBLEM("unauthorized"));
        answer_account(f, 403, NULL, PROBLEM("unauthorized"));
        turn(f);
        CU_ASSERT(got.count == 1 && got.error == ERR_CA);
        CU_ASSERT(strstr(got.text,
                         "all our keys, unauthorized: because (HTTP 403): `certmillctl accounts "
                         "register ca` makes a new one") != NULL);
        post(f, "https://ca/y", "{}", &got);
    }
    CU_ASSERT(strncmp(f->record, "https://ca/acct/7|acct|", 23) == 0);
    answer_account(f, 403, NULL, PROBLEM("unauthorized"));
    answer_account(f, 200, "https://ca/acct/7", "{}");
    CU_ASSERT(strstr(find(f, "https://ca/y")->body, "kid=https://ca/acct/7 ") != NULL);
    teardown(f);

    f = doubted(403, PROBLEM("unauthorized"), &got);
    answer_account(f, 403, NULL, PROBLEM("unauthorized"));
    answer_account(f, 403, NULL, PROBLEM("unauthorized"));
    turn(f);
    CU_ASSERT(acme_change(f->acme, ACME_REGISTER, NULL, on_response, &made) == 0);
    answer_account(f, 403, NULL, PROBLEM("unauthorized"));
    answer_account(f, 403, NULL, PROBLEM("unauthorized"));
    turn(f);
    f->signer.keys[0] = "acct-3";
    CU_ASSERT(find(f, "https://ca/acct") != NULL);
    teardown(f);
}

/* -- limits on the way (RFC 8555 6.6): they are the request's answer -- */

static void test_limits(void)
{
    struct got got, ready = {0};
    struct fixture *f = setup(NULL, NULL);

    post(f, "https://ca/x", "{}", &got);
    CU_ASSERT(acme_ready(f->acme, on_response, &ready) == 0);
    answer_directory(f);
    answer_nonce(f, "n1");
    answer(
        f, "https://ca/acct",
        (struct answer){.status = 429, .body = PROBLEM("rateLimited"), .retry_after_ms = 3600000});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 429);
    CU_ASSERT(got.retry_after_ms == 3600000);
    CU_ASSERT(strstr(got.body, "rateLimited") != NULL);
    CU_ASSERT(ready.count == 1 && ready.error == ERR_CA && ready.retry_after_ms == 3600000);
    CU_ASSERT(strstr(ready.text, "rateLimited: because") != NULL);
    CU_ASSERT(f->limited == 1 && f->limited_ms == 3600000);
    CU_ASSERT(strstr(f->limited_text, "rateLimited: because") != NULL);
    teardown(f);

    f = setup("https://ca/acct/7", NULL);
    post(f, "https://ca/x", "{}", &got);
    answer_directory(f);
    answer(f, "https://ca/nonce",
           (struct answer){.status = 429, .body = "", .retry_after_ms = 60000});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 429);
    CU_ASSERT(f->limited == 1 && f->limited_ms == 60000);
    teardown(f);

    f = setup("https://ca/acct/7", NULL);
    post(f, "https://ca/x", "{}", &got);
    answer_directory(f);
    answer(f, "https://ca/nonce",
           (struct answer){.status = 503, .body = "", .retry_after_ms = 600000});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 503);
    CU_ASSERT(got.retry_after_ms == 600000);
    CU_ASSERT_EQUAL(f->limited, 0); /* it is away, that is no limit */
    teardown(f);

    f = setup("https://ca/acct/7", NULL);
    post(f, "https://ca/x", "{}", &got);
    answer(f, DIRECTORY, (struct answer){.status = 429, .body = "", .retry_after_ms = 1000});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0 && got.status == 429);
    CU_ASSERT(f->limited == 1 && f->limited_ms == 1000);
    teardown(f);
}

/* -- contact and terms (RFC 8555 7.3.2, 7.3.3) -- */

static struct fixture *on_record(const char *contact, const char *terms, const char *email,
                                 struct got *got)
{
    const struct acme_account account = {.url = "https://ca/acct/7",
                                         .key = "acct",
                                         .key_type = "ecdsa-p256",
                                         .thumbprint = "thumb",
                                         .contact = contact,
                                         .terms = terms,
                                         .status = "valid"};

    return begin(&account, (struct acme_settings){.email = email},
                 DIRECTORY_BODY(",\"meta\":{\"termsOfService\":\"https://ca/tos/2\"}"), got);
}

static void test_contact(void)
{
    struct got got;
    struct fixture *f = on_record("old@a.example", "https://ca/tos/2", "new@a.example", &got);

    answer_nonce(f, "n1");
    CU_ASSERT(find(f, "https://ca/x") == NULL);
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/acct/7")->body,
                           "url=https://ca/acct/7 nonce=n1 kid=https://ca/acct/7 "
                           "payload={\"contact\":[\"mailto:new@a.example\"]}");
    answer(f, "https://ca/acct/7", (struct answer){.status = 200, .body = "{}", .nonce = "n2"});
    CU_ASSERT(find(f, "https://ca/x") != NULL);
    CU_ASSERT_STRING_EQUAL(f->record,
                           "https://ca/acct/7|acct|-|new@a.example|https://ca/tos/2|valid|-");
    /* and to none at all, by a new configuration */
    CU_ASSERT(acme_configure(f->acme, &(struct acme_settings){.key_type = "ecdsa-p256"}) == 0);
    post(f, "https://ca/y", "{}", &got);
    answer_nonce(f, "n3");
    CU_ASSERT(strstr(find(f, "https://ca/acct/7")->body, "payload={\"contact\":[]}") != NULL);
    teardown(f);
}

/* What cannot be told keeps nobody waiting, and is not tried again and again. */
static void test_contact_refused(void)
{
    struct got got;
    struct fixture *f = on_record("old@a.example", "", "new@a.example", &got);

    answer_nonce(f, "n1");
    answer(f, "https://ca/acct/7",
           (struct answer){.status = 400, .body = PROBLEM("invalidContact"), .nonce = "n2"});
    CU_ASSERT(find(f, "https://ca/x") != NULL);
    answer(f, "https://ca/x", (struct answer){.status = 200, .nonce = "n3"});
    post(f, "https://ca/y", "{}", &got);
    CU_ASSERT(find(f, "https://ca/acct/7") == NULL && find(f, "https://ca/y") != NULL);
    teardown(f);
}

/* Changed terms are told, not agreed to. */
static void test_terms(void)
{
    struct got got;
    struct fixture *f = on_record("", "https://ca/tos/1", NULL, &got);
    struct acme_account account;

    answer_nonce(f, "n1");
    CU_ASSERT(find(f, "https://ca/x") != NULL);
    acme_account_get(f->acme, &account);
    CU_ASSERT_STRING_EQUAL(account.terms, "https://ca/tos/1");
    CU_ASSERT_STRING_EQUAL(acme_terms(f->acme), "https://ca/tos/2");
    CU_ASSERT(f->saved == 0); /* nothing has changed */
    teardown(f);
}

/* -- the directory's age -- */

static void test_directory_old(void)
{
    struct fixture *f = setup("https://ca/acct/7", NULL);
    struct got got;

    post(f, "https://ca/x", "{}", &got);
    answer_directory(f);
    answer_nonce(f, "n1");
    answer(f, "https://ca/x", (struct answer){.status = 200, .nonce = "n2"});
    f->loop.time += 86400000; /* a day later it is read anew; without a CA the old one does */
    post(f, "https://ca/y", "{}", &got);
    CU_ASSERT(find(f, "https://ca/y") == NULL);
    answer(f, DIRECTORY, (struct answer){.error = ERR_UNAVAILABLE});
    CU_ASSERT(find(f, "https://ca/y") != NULL);
    answer(f, "https://ca/y", (struct answer){.status = 200, .nonce = "n3"});
    f->loop.time += 86400000; /* what it says now may be no directory */
    post(f, "https://ca/z", "{}", &got);
    answer(f, DIRECTORY, (struct answer){.status = 200, .body = "<html>"});
    answer(f, "https://ca/z", (struct answer){.status = 200, .nonce = "n4"});
    f->loop.time += 86400000;
    post(f, "https://ca/z", "{}", &got);
    answer(f, DIRECTORY, (struct answer){.status = 404});
    CU_ASSERT(find(f, "https://ca/z") != NULL);
    teardown(f);
}

/* A doubt has it read anew, but not again and again. */
static void test_directory_doubted(void)
{
    struct fixture *f = setup("https://ca/acct/7", NULL);
    struct got got;

    post(f, NULL, "{}", &got);
    answer_directory(f);
    answer_nonce(f, "n1");
    answer(f, "https://ca/order", (struct answer){.status = 404, .nonce = "n2"});
    answer_directory(f);
    answer(f, "https://ca/order", (struct answer){.status = 404, .nonce = "n3"});
    CU_ASSERT(got.count == 1 && got.status == 404);
    post(f, NULL, "{}", &got);
    answer(f, "https://ca/order", (struct answer){.status = 404, .nonce = "n4"});
    CU_ASSERT(got.count == 1 && got.status == 404 && find(f, DIRECTORY) == NULL);
    teardown(f);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("acme_account", NULL, NULL);
    CU_add_test(s, "RFC 8555 7.3.4: bound", test_bound);
    CU_add_test(s, "RFC 8555 7.3.4: a binding that lacks", test_not_bound);
    CU_add_test(s, "a signer without the binding's key", test_signer_lacks_binding);
    CU_add_test(s, "RFC 8555 7.3.1: found by its key", test_found);
    CU_add_test(s, "RFC 8555 7.3.1: none has an account", test_made_anew);
    CU_add_test(s, "RFC 8555 7.3.6: found deactivated", test_found_deactivated);
    CU_add_test(s, "not found out", test_not_found_out);
    CU_add_test(s, "RFC 8555 7.3.5, 7.3.6: not taken, found by another key", test_another_is_found);
    CU_add_test(s, "errors that say nothing of the account", test_other_errors);
    CU_add_test(s, "RFC 8555 7.3.6: not taken, and no other key has one", test_all_keys_refused);
    CU_add_test(s, "RFC 8555 6.6: limits are the request's answer", test_limits);
    CU_add_test(s, "RFC 8555 7.3.2: contact", test_contact);
    CU_add_test(s, "RFC 8555 7.3.2: contact refused", test_contact_refused);
    CU_add_test(s, "RFC 8555 7.3.3: changed terms", test_terms);
    CU_add_test(s, "an old directory", test_directory_old);
    CU_add_test(s, "a doubted directory", test_directory_doubted);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

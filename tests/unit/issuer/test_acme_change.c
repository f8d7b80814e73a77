/*
 * Changes to an account: key roll-over (RFC 8555 7.3.5) with all that can come between,
 * deactivation (7.3.6), consent to terms, a new account.
 */
#include "acme_fixture.h"

#define GONE    "{\"type\":\"urn:ietf:params:acme:error:accountDoesNotExist\"}"
#define REFUSED "{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":\"no\"}"
#define ROLL    "https://ca/roll"
#define ACCOUNT "https://ca/acct/7"

static struct acme_account plain(void)
{
    return (struct acme_account){.url = ACCOUNT,
                                 .key = "acct",
                                 .key_type = "ecdsa-p256",
                                 .thumbprint = "thumb",
                                 .contact = "",
                                 .terms = "",
                                 .status = "valid"};
}

/* An account with its first key, and a change under way; the directory is there. */
static struct fixture *changing(const struct acme_account *account, enum acme_change change,
                                struct got *got)
{
    struct fixture *f = setup_with(account, (struct acme_settings){0});

    *got = (struct got){0};
    f->signer.keys[0] = "acct";
    f->signer.key_count = 1;
    CU_ASSERT(acme_change(f->acme, change, "rsa-2048", on_response, got) == 0);
    CU_ASSERT(acme_changing(f->acme));
    answer_resources(f, ",\"keyChange\":\"" ROLL "\",\"meta\":{\"termsOfService\":"
                        "\"https://ca/tos\"}");
    find(f, "");
    turn(f);
    find(f, "");
    return f;
}

static struct fixture *rolling(struct got *got)
{
    const struct acme_account account = plain();

    return changing(&account, ACME_ROLL_OVER, got);
}

static void expect_record(const struct fixture *f, const char *key, const char *pending)
{
    char text[256];

    snprintf(text, sizeof(text), ACCOUNT "|%s|%s|", key, pending);
    if (strncmp(f->record, text, strlen(text)) != 0)
        fprintf(stderr, "%s is on record, not %s\n", f->record, text);
    CU_ASSERT(strncmp(f->record, text, strlen(text)) == 0);
}

/* -- roll-over -- */

static void test_roll_over(void)
{
    struct got got, order;
    struct fixture *f = rolling(&got);

    CU_ASSERT_STRING_EQUAL(f->signer.asked, "acct-2 rsa-2048");
    expect_record(f, "acct", "acct-2"); /* before the CA hears of it */
    answer_nonce(f, "n1");
    CU_ASSERT_STRING_EQUAL(find(f, ROLL)->body, "url=" ROLL " nonce=n1 kid=" ACCOUNT
                                                " payload=url=" ROLL " nonce=- kid=- "
                                                "payload={\"account\":\"" ACCOUNT
                                                "\",\"oldKey\":{\"crv\":\"P-256\",\"x\":\"acct\"}} "
                                                "key=acct-2");
    post(f, "https://ca/x", "{}", &order); /* waits for the new key */
    CU_ASSERT(find(f, "https://ca/x") == NULL && find(f, "https://ca/nonce") == NULL);
    expect_record(f, "acct", "acct-2"); /* and leaves the change alone */
    answer(f, ROLL, (struct answer){.status = 200, .body = "{}", .nonce = "n2"});
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/x")->body,
                           "url=https://ca/x nonce=n2 kid=" ACCOUNT " payload={} key=acct-2");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0 && !acme_changing(f->acme));
    expect_record(f, "acct-2", "-");
    CU_ASSERT_STRING_EQUAL(acme_thumbprint(f->acme), "thumb-2");
    teardown(f);
}

/* The CA says no, and then that it does not know the new key. */
static void test_roll_over_refused(void)
{
    struct got got;
    struct fixture *f = rolling(&got);

    f->signer.keys[1] = "acct";
    f->signer.keys[0] = "acct-2";
    f->signer.key_count = 2;
    answer_nonce(f, "n1");
    answer(f, ROLL, (struct answer){.status = 403, .body = REFUSED, .nonce = "n2"});
    CU_ASSERT_STRING_EQUAL(find(f, "https://ca/acct")->body,
                           "url=https://ca/acct nonce=n2 kid=- payload={\"onlyReturnExisting\":"
                           "true} key=acct-2");
    answer(f, "https://ca/acct", (struct answer){.status = 400, .body = GONE, .nonce = "n3"});
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CA);
    CU_ASSERT(strstr(got.text, "the old one stays: unauthorized: no") != NULL);
    expect_record(f, "acct", "-");
    CU_ASSERT_STRING_EQUAL(acme_thumbprint(f->acme), "thumb");
    teardown(f);
}

/* It did take it, but its answer was lost, and the repeated request is refused. */
static void test_roll_over_answer_lost(void)
{
    struct got got;
    struct fixture *f = rolling(&got);

    f->signer.keys[0] = "acct-2";
    answer_nonce(f, "n1");
    answer(f, ROLL, (struct answer){.error = ERR_UNAVAILABLE});
    CU_ASSERT(wait_for(f, DIRECTORY)); /* a doubt */
    answer_resources(f, ",\"keyChange\":\"" ROLL "\"");
    answer_nonce(f, "n2");
    answer(f, ROLL, (struct answer){.status = 403, .body = REFUSED, .nonce = "n3"});
    answer(f, "https://ca/acct",
           (struct answer){.status = 200, .location = ACCOUNT, .body = "{}", .nonce = "n4"});
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0);
    expect_record(f, "acct-2", "-");
    teardown(f);
}

/* Not known either way: it stays pending, and is asked before the next request. */
static void test_roll_over_unknown(void)
{
    struct got got, order;
    struct fixture *f = rolling(&got);

    f->signer.keys[0] = "acct-2";
    answer_nonce(f, "n1");
    answer(f, ROLL, (struct answer){.status = 403, .body = REFUSED, .nonce = "n2"});
    answer(f, "https://ca/acct", (struct answer){.error = ERR_LIMIT});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_LIMIT);
    CU_ASSERT(strstr(got.text, "before the next order") != NULL);
    expect_record(f, "acct", "acct-2");
    post(f, "https://ca/x", "{}", &order);
    answer_nonce(f, "n3");
    answer(f, "https://ca/acct",
           (struct answer){.status = 200, .location = ACCOUNT, .body = "{}", .nonce = "n4"});
    CU_ASSERT(strstr(find(f, "https://ca/x")->body, "key=acct-2") != NULL);
    expect_record(f, "acct-2", "-");
    teardown(f);
}

/* After a restart: the CA is asked whose account the new key's is. */
static void test_pending(void)
{
    static const struct {
        bool key, taken;
        const char *then;
    } cases[] = {{true, true, "acct-2"}, {true, false, "acct"}, {false, false, "acct"}};
    struct acme_account account = plain();
    struct got got;

    account.pending = "acct-2";
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = setup_with(&account, (struct acme_settings){0});

        f->signer.keys[0] = cases[i].key ? "acct-2" : "acct";
        f->signer.key_count = 1;
        post(f, "https://ca/x", "{}", &got);
        answer_resources(f, "");
        answer_nonce(f, "n1");
        if (cases[i].taken)
            answer(
                f, "https://ca/acct",
                (struct answer){.status = 200, .location = ACCOUNT, .body = "{}", .nonce = "n2"});
        else if (cases[i].key)
            answer(f, "https://ca/acct",
                   (struct answer){.status = 400, .body = GONE, .nonce = "n2"});
        CU_ASSERT(find(f, "https://ca/acct") == NULL && find(f, "https://ca/x") != NULL);
        expect_record(f, cases[i].then, "-");
        teardown(f);
    }
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static void test_not_begun(void)
{
    const struct acme_account account = plain();
    struct got got, second = {0};
    struct fixture *f;

    /* it cannot be put on record */
    f = setup_with(&account, (struct acme_settings){0});
    got = (struct got){0};
    f->full = true;
    CU_ASSERT(acme_change(f->acme, ACME_ROLL_OVER, NULL, on_response, &got) == 0);
    CU_ASSERT(acme_change(f->acme, ACME_AGREE, NULL, on_response, &second) == ERR_BUSY);
    answer_resources(f, ",\"keyChange\":\"" ROLL "\"");
    find(f, "");
    turn(f);
    find(f, "");
    CU_ASSERT(got.count == 1 && got.error == -ENOSPC);
    CU_ASSERT_STRING_EQUAL(f->signer.asked, "acct-2 ecdsa-p256");
    CU_ASSERT(find(f, ROLL) == NULL);
    teardown(f);

    /* the CA has no such thing */
    f = setup_with(&account, (struct acme_settings){0});
    got = (struct got){0};
    CU_ASSERT(acme_change(f->acme, ACME_ROLL_OVER, NULL, on_response, &got) == 0);
    answer_resources(f, "");
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_NOT_FOUND && f->saved == 0);
    teardown(f);

    /* the signer makes no key */
    f = setup_with(&account, (struct acme_settings){0});
    got = (struct got){0};
    CU_ASSERT(acme_change(f->acme, ACME_ROLL_OVER, NULL, on_response, &got) == 0);
    answer_resources(f, ",\"keyChange\":\"" ROLL "\"");
    find(f, "");
    f->signer.refuse = true;
    turn(f);
    find(f, "");
    CU_ASSERT(got.count == 1 && got.error == ERR_CRYPTO && f->saved == 0);
    teardown(f);
}

static void test_busy(void)
{
    const struct acme_account account = plain();
    struct fixture *f = calloc(1, sizeof(*f));
    struct got got = {0};

    CU_ASSERT_FATAL(uv_loop_init(&f->loop) == 0);
    f->http.loop = &f->loop;
    const struct acme_options options = {.directory_url = DIRECTORY,
                                         .key = "acct",
                                         .settings = {.key_type = "ecdsa-p256"},
                                         .account = &account,
                                         .http = &f->http,
                                         .signclient = &f->signer,
                                         .on_account = on_account,
                                         .is_busy = always,
                                         .arg = f};
    CU_ASSERT_FATAL(acme_new(&f->acme, &options) == 0);
    CU_ASSERT(acme_change(f->acme, ACME_ROLL_OVER, NULL, on_response, &got) == 0);
    answer_resources(f, ",\"keyChange\":\"" ROLL "\"");
    find(f, "");
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_BUSY && f->saved == 0);
    teardown(f);
}

static void test_cancelled(void)
{
    struct got got;
    struct fixture *f = rolling(&got);

    teardown(f); /* with the request to the CA under way */
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
}

/* -- the others -- */

static void test_deactivate(void)
{
    const struct acme_account account = plain();
    struct got got, order;
    struct fixture *f = changing(&account, ACME_DEACTIVATE, &got);

    answer_nonce(f, "n1");
    CU_ASSERT_STRING_EQUAL(find(f, ACCOUNT)->body, "url=" ACCOUNT " nonce=n1 kid=" ACCOUNT
                                                   " payload={\"status\":\"deactivated\"}");
    answer(f, ACCOUNT, (struct answer){.status = 200, .body = "{}", .nonce = "n2"});
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT(strstr(f->record, "|deactivated|") != NULL);
    post(f, "https://ca/x", "{}", &order);
    find(f, "");
    turn(f);
    CU_ASSERT(order.count == 1 && order.error == ERR_CA);
    CU_ASSERT(strstr(order.text, "is deactivated") != NULL);
    teardown(f);
}

static void test_refused(void)
{
    const struct acme_account account = plain();
    struct got got;
    struct fixture *f = changing(&account, ACME_DEACTIVATE, &got);

    answer_nonce(f, "n1");
    answer(f, ACCOUNT, (struct answer){.status = 403, .body = REFUSED, .nonce = "n2"});
    answer(f, "https://ca/acct",
           (struct answer){.status = 200, .location = ACCOUNT, .body = "{}", .nonce = "n3"});
    answer(f, ACCOUNT, (struct answer){.status = 403, .body = REFUSED, .nonce = "n4"});
    CU_ASSERT(got.count == 1 && got.error == ERR_CA && strstr(got.text, "unauthorized") != NULL);
    CU_ASSERT(strstr(f->record, "deactivated") == NULL);
    teardown(f);
    f = changing(&account, ACME_AGREE, &got);
    answer_nonce(f, "n1");
    answer(f, ACCOUNT, (struct answer){.error = ERR_LIMIT});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == ERR_LIMIT);
    teardown(f);
}

static void test_agree(void)
{
    const struct acme_account account = plain();
    struct got got;
    struct fixture *f = changing(&account, ACME_AGREE, &got);

    answer_nonce(f, "n1");
    CU_ASSERT(strstr(find(f, ACCOUNT)->body, "{\"termsOfServiceAgreed\":true}") != NULL);
    answer(f, ACCOUNT, (struct answer){.status = 200, .body = "{}", .nonce = "n2"});
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT_STRING_EQUAL(f->record, ACCOUNT "|acct|-||https://ca/tos|valid|-");
    teardown(f);
}

static void test_register(void)
{
    struct acme_account account = plain();
    struct got got;
    struct fixture *f = changing(&account, ACME_REGISTER, &got);

    CU_ASSERT(got.count == 1 && got.error == 0 && f->saved == 0); /* there is one */
    teardown(f);

    account.status = "deactivated";
    f = changing(&account, ACME_REGISTER, &got);
    CU_ASSERT_STRING_EQUAL(f->record, "-|acct-2|-|-|-|-|-"); /* that is what a restart finds */
    f->signer.keys[0] = "acct-2";
    turn(f);
    answer_nonce(f, "n1");
    while (strstr(find(f, "https://ca/acct")->body, "onlyReturnExisting") != NULL)
        answer(f, "https://ca/acct", (struct answer){.status = 400, .body = GONE, .nonce = "n2"});
    CU_ASSERT(strstr(find(f, "https://ca/acct")->body, "key=acct-2") != NULL);
    answer(f, "https://ca/acct",
           (struct answer){.status = 201, .location = "https://ca/acct/8", .nonce = "n3"});
    turn(f);
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT_STRING_EQUAL(f->record, "https://ca/acct/8|acct-2|-||https://ca/tos|valid|-");
    teardown(f);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("acme_change", NULL, NULL);
    CU_add_test(s, "RFC 8555 7.3.5: roll-over", test_roll_over);
    CU_add_test(s, "RFC 8555 7.3.5: refused", test_roll_over_refused);
    CU_add_test(s, "RFC 8555 7.3.5: taken, the answer lost", test_roll_over_answer_lost);
    CU_add_test(s, "RFC 8555 7.3.5: not known either way", test_roll_over_unknown);
    CU_add_test(s, "RFC 8555 7.3.5: killed in between", test_pending);
    CU_add_test(s, "not begun", test_not_begun);
    CU_add_test(s, "orders under way", test_busy);
    CU_add_test(s, "stopped", test_cancelled);
    CU_add_test(s, "RFC 8555 7.3.6: deactivated", test_deactivate);
    CU_add_test(s, "refused", test_refused);
    CU_add_test(s, "RFC 8555 7.3.3: terms agreed to", test_agree);
    CU_add_test(s, "RFC 8555 7.3: registered, and anew", test_register);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

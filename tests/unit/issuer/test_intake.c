/*
 * The way of a request through the intake: taken, refused, joined; profiles and preflight.
 */
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/intake_fixture.h"

static void test_one(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    ask(&f, &client);
    CU_ASSERT_EQUAL_FATAL(f.desk.count, 1);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].directory, FIRST);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].client, "192.0.2.1");
    f.desk.taken[0].callbacks.event(f.desk.taken[0].callbacks.arg,
                                    &(struct desk_event){.order = 1, .text = "ordered"});
    CU_ASSERT_STRING_EQUAL(client.said, "ordered");
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_STRING_EQUAL(client.chain, "chain");
    tear_down(&f);
}

static void test_refused(void)
{
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.csr_pem = "x"}, &err),
                    ERR_MALFORMED);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.domains = "b.example"}, &err),
                    ERR_POLICY);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.client = "three"}, &err),
                    ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "three"));
    CU_ASSERT_EQUAL(
        take(&f, &client, (struct intake_request){.client = "one", .profile = "classic"}, &err),
        ERR_POLICY);
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.authority = "third"}, &err),
                    ERR_POLICY);
    CU_ASSERT_EQUAL(f.desk.count, 0);
    f.desk.no_ca = true;
    ask(&f, &client);
    CU_ASSERT_EQUAL(client.result.code, ERR_CRYPTO);
    f.desk.no_ca = false;
    f.desk.refuse = ERR_BUSY;
    ask(&f, &client);
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_EQUAL(client.result.code, ERR_BUSY);
    CU_ASSERT_STRING_EQUAL(client.text, "the desk is full");
    tear_down(&f);
}

static void test_no_names(void)
{
    const struct desk_client callbacks = {.event = on_event, .done = on_done};
    struct intake_request request = {0};
    struct intake_ticket *ticket;
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    request.csr_pem = f.pem;
    request.csr_len = strlen(f.pem);
    CU_ASSERT_EQUAL(intake_take(f.intake, &request, &callbacks, &ticket, &err), ERR_POLICY);
    tear_down(&f);
}

static void test_joined(void)
{
    struct client clients[4], forced, other;
    struct fixture f;
    struct err err;

    set_up(&f);
    for (int i = 0; i < 3; i++)
        ask(&f, &clients[i]);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(clients[0].said, "joined"));
    CU_ASSERT_EQUAL(take(&f, &clients[3], (struct intake_request){.client = "one"}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    CU_ASSERT_EQUAL(take(&f, &forced, (struct intake_request){.force = true}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 2);
    CU_ASSERT_EQUAL(take(&f, &other, (struct intake_request){.preferred_chain = "X"}, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 3);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[2].chain, "X");
    intake_leave(clients[1].ticket);
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    CU_ASSERT_EQUAL(clients[0].dones + clients[2].dones + clients[3].dones, 3);
    CU_ASSERT_EQUAL(clients[1].dones + forced.dones + other.dones, 0);
    /* nobody waits: it goes on */
    intake_leave(forced.ticket);
    CU_ASSERT_FALSE(f.desk.taken[1].left);
    finish(&f, 1, (struct desk_result){.failure = ORDER_UNAVAILABLE_CA, .text = "x"});
    CU_ASSERT_EQUAL(f.desk.count, 4);
    tear_down(&f);
    CU_ASSERT_EQUAL(other.dones, 1);
    CU_ASSERT_EQUAL(other.result.failure, ORDER_INTERRUPTED);
    CU_ASSERT_TRUE(f.desk.taken[3].left);
}

static void test_stopped(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    ask(&f, &client);
    intake_configure(f.intake, &f.conf);
    tear_down(&f);
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.text, "stopped"));
}

/* -- profiles -- */

static void test_profiles(void)
{
    struct intake_request request = {.profile = "classic"};
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    CU_ASSERT_EQUAL(f.desk.count, 0);
    CU_ASSERT_EQUAL(f.desk.asked, 1);
    know(&f, 0);
    CU_ASSERT_EQUAL_FATAL(f.desk.count, 1);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[0].profile, "classic");
    /* a client's own */
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.client = "two"}, &err), 0);
    know(&f, 0);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[1].profile, "short");
    /* of the CA's row */
    f.authorities[1].profile = (char *)"classic";
    intake_configure(f.intake, &f.conf);
    request = (struct intake_request){.authority = "second"};
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    know(&f, 0);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[2].profile, "classic");
    /* none of the CAs has it */
    CU_ASSERT_EQUAL(take(&f, &client, (struct intake_request){.profile = "eternal"}, &err), 0);
    know(&f, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.said, "the order goes to second"));
    know(&f, 0);
    CU_ASSERT_EQUAL(client.result.code, ERR_POLICY);
    CU_ASSERT_STRING_EQUAL(client.text, "second has no profile eternal; it offers: classic, short");
    CU_ASSERT_EQUAL(f.desk.count, 3);
    tear_down(&f);
}

static void test_directory_does_not_come(void)
{
    const struct intake_request request = {.profile = "classic", .force = true};
    struct fixture f;
    struct client client;
    struct err err;

    set_up(&f);
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    know(&f, ERR_UNAVAILABLE);
    know(&f, ERR_UNAVAILABLE);
    CU_ASSERT_EQUAL(client.result.failure, ORDER_UNAVAILABLE_CA);
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    know(&f, ERR_CANCELLED);
    CU_ASSERT_EQUAL(client.result.failure, ORDER_INTERRUPTED);
    f.desk.know = -ENOMEM;
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    CU_ASSERT_EQUAL(client.result.code, -ENOMEM);
    f.desk.know = 0;
    CU_ASSERT_EQUAL(take(&f, &client, request, &err), 0);
    tear_down(&f);
    CU_ASSERT_EQUAL(client.dones, 1);
    f.desk.fn(f.desk.arg, &(struct acme_response){.error = ERR_CANCELLED}); /* too late */
}

/* -- preflight -- */

static void test_preflight(void)
{
    struct preflight_finding finding = {.text = "publish this"};
    struct fixture f;
    struct client client;

    set_up(&f);
    look_first(&f);
    ask(&f, &client);
    CU_ASSERT_EQUAL(f.desk.count, 0);
    found(&f, finding);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    CU_ASSERT_EQUAL(client.events, 0);
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    /* a warning */
    ask(&f, &client);
    finding.severity = PREFLIGHT_TEMPORARY;
    found(&f, finding);
    CU_ASSERT_STRING_EQUAL(client.said, "publish this");
    CU_ASSERT_EQUAL(f.desk.count, 2);
    finish(&f, 1, (struct desk_result){.chain = "chain"});
    /* what no CA would like */
    ask(&f, &client);
    finding.severity = PREFLIGHT_DEFINITE;
    found(&f, finding);
    CU_ASSERT_EQUAL(client.result.code, ERR_POLICY);
    CU_ASSERT_STRING_EQUAL(client.text, "publish this");
    /* what this CA may not */
    ask(&f, &client);
    finding.authority = "first";
    found(&f, finding);
    CU_ASSERT_PTR_NOT_NULL(strstr(client.said, "the order goes to second"));
    finding.severity = PREFLIGHT_GOOD;
    found(&f, finding);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[2].directory, SECOND);
    tear_down(&f);
}

static void test_preflight_ends(void)
{
    struct fixture f;
    struct client client;

    set_up(&f);
    look_first(&f);
    ask(&f, &client);
    f.preflight.fn(f.preflight.arg, NULL, 0);
    CU_ASSERT_EQUAL(client.result.failure, ORDER_INTERRUPTED);
    f.preflight.refuse = ERR_UNAVAILABLE;
    ask(&f, &client);
    CU_ASSERT_STRING_EQUAL(client.said, "no resolver is known");
    CU_ASSERT_EQUAL(f.desk.count, 1); /* all the same */
    finish(&f, 0, (struct desk_result){.chain = "chain"});
    f.preflight.refuse = 0;
    ask(&f, &client);
    tear_down(&f);
    CU_ASSERT_TRUE(f.preflight.cancelled);
}

/* What cannot be judged without the CA's directory is looked at again. */
static void test_preflight_unjudged(void)
{
    struct preflight_finding finding = {.text = "x", .unjudged = true};
    struct fixture f;
    struct client client;

    set_up(&f);
    look_first(&f);
    ask(&f, &client);
    f.desk.asked = 0;
    found(&f, finding);
    CU_ASSERT_EQUAL(f.desk.asked, 1);
    know(&f, 0);
    CU_ASSERT_EQUAL(f.preflight.looks, 2);
    found(&f, finding);
    CU_ASSERT_EQUAL(f.desk.count, 1);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"one request", test_one},
        {"refused", test_refused},
        {"no names at all", test_no_names},
        {"joined", test_joined},
        {"stopped", test_stopped},
        {"profiles", test_profiles},
        {"a directory that does not come", test_directory_does_not_come},
        {"preflight", test_preflight},
        {"a preflight that does not come to its end", test_preflight_ends},
        {"preflight needs the directory", test_preflight_unjudged},
    };
    return RUN("intake", tests);
}

/* Requests about issued certificates, as the sockets pass them on; the CA is at a port where nobody
 * listens. */
#include "issuer/aftercare.h"

#include <CUnit/Basic.h>

#include "issuer/renewal.h"
#include "issuer/submit.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/desk_fixture.h"
#include "tests/unit/issuer/proofs.h"

struct fixture {
    struct desk_fixture base;
    struct small_ca ca;
    struct aftercare *aftercare;
};

struct got {
    int count, error;
    char text[LIMIT_ERROR_TEXT], *answer;
};

static void set_up(struct fixture *f)
{
    struct err err = {0};

    desk_fixture_set_up(&f->base);
    small_ca_set_up(&f->ca, "http://127.0.0.1:1/");
    struct aftercare_options options = {.loop = &f->base.loop,
                                        .clock = &f->ca.clock,
                                        .store = f->ca.store,
                                        .desk = f->base.desk,
                                        .conf = &f->base.conf};
    CU_ASSERT_EQUAL_FATAL(aftercare_new(&f->aftercare, &options, &err), 0);
    aftercare_configure(f->aftercare, &f->base.conf);
}

static void tear_down(struct fixture *f)
{
    aftercare_free(f->aftercare);
    small_ca_tear_down(&f->ca);
    desk_fixture_tear_down(&f->base);
}

static void on_answer(void *arg, int error, const char *text, json_t *answer)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
    (void)snprintf(got->text, sizeof got->text, "%s", text != NULL ? text : "");
    free(got->answer);
    got->answer = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
}

static int submit(struct fixture *f, enum submit_op op, const char *input, const char *domains,
                  struct got *got)
{
    const struct submit_request request = {
        .op = op, .input = input, .input_len = strlen(input), .domains = domains};
    struct err err = {0};

    free(got->answer);
    *got = (struct got){0};
    int ret = aftercare_submit(f->aftercare, &request, 7, on_answer, got, &err);
    if (ret < 0)
        (void)snprintf(got->text, sizeof got->text, "%s", err.text);
    return ret;
}

static int operator_revokes(struct fixture *f, const char *serial, const char *reason,
                            struct got *got)
{
    struct err err = {0};

    free(got->answer);
    *got = (struct got){0};
    int ret = aftercare_revoke(f->aftercare, serial, reason, 0, on_answer, got, &err);
    if (ret < 0)
        (void)snprintf(got->text, sizeof got->text, "%s", err.text);
    return ret;
}

#define OWN "a.example,www.a.example"

static void test_renewal(void)
{
    const struct renewal_window window = {1800100000, 1800200000, SMALL_CA_NOW, SMALL_CA_NOW + 60,
                                          "https://ca.example/why"};
    struct got got = {0};
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    CU_ASSERT_EQUAL(store_certificate_renewal(f.ca.store, 1, &window, &err), 0);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_GET_RENEWAL_INFO, f.ca.chain, "a.example", &got), ERR_POLICY);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_GET_RENEWAL_INFO, "x", OWN, &got), ERR_MALFORMED);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_GET_RENEWAL_INFO, f.ca.chain, OWN, &got), 0);
    CU_ASSERT(got.count == 1 && got.error == 0);
    json_t *answer = json_loads(got.answer, 0, NULL);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(answer, "result")), "ok");
    json_t *output = json_loads(json_string_value(json_object_get(answer, "output")), 0, NULL);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(json_object_get(output, "suggestedWindow"), "start")),
        "2027-01-16T11:46:40Z");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(output, "next")),
                           "2027-01-15T08:01:00Z");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(output, "explanationURL")),
                           "https://ca.example/why");
    json_decref(output);
    json_decref(answer);
    f.ca.now += 60;
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_GET_RENEWAL_INFO, f.ca.chain, OWN, &got), 0);
    CU_ASSERT_EQUAL(got.count, 0);
    tear_down(&f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED && got.answer == NULL);
}

/* What a client of the configuration may have stands there; domains are not looked at. */
static void test_clients(void)
{
    const struct renewal_window window = {1800100000, 1800200000, SMALL_CA_NOW, SMALL_CA_NOW + 60,
                                          ""};
    char *sets[] = {(char *)OWN};
    struct server_conf_client client = {.name = (char *)"web", .names = {sets, 1}};
    struct got got = {0};
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    f.base.conf.clients = (struct conf_table){&client, 1};
    struct submit_request request = {.op = SUBMIT_GET_RENEWAL_INFO,
                                     .input = f.ca.chain,
                                     .input_len = strlen(f.ca.chain),
                                     .client_name = "web",
                                     .domains = "x.example"};
    CU_ASSERT_EQUAL(store_certificate_renewal(f.ca.store, 1, &window, &err), 0);
    CU_ASSERT_EQUAL(aftercare_submit(f.aftercare, &request, 7, on_answer, &got, &err), 0);
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.answer, "\\\"explanationURL\\\": null"));
    sets[0] = (char *)"a.example";
    CU_ASSERT_EQUAL(aftercare_submit(f.aftercare, &request, 7, on_answer, &got, &err), ERR_POLICY);
    request.client_name = "mail";
    CU_ASSERT_EQUAL(aftercare_submit(f.aftercare, &request, 7, on_answer, &got, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no client \"mail\""));
    free(got.answer);
    tear_down(&f);
    aftercare_free(NULL);
}

static void test_ocsp(void)
{
    struct got got = {0};
    struct fixture f;

    set_up(&f);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_GET_OCSP, f.ca.chain, NULL, &got), 0);
    for (int i = 0; i < 1000 && got.count == 0; i++)
        (void)uv_run(&f.base.loop, UV_RUN_ONCE);
    CU_ASSERT(got.count == 1 && got.error == ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.text, "http://127.0.0.1:1/"));
    tear_down(&f);
}

static void test_revoke(void)
{
    struct got got = {0};
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    struct proof_spec spec = proof_good(&f.ca);
    char *proof = proof_make(&spec);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_REVOKE_CERTIFICATE, f.ca.chain, OWN, &got), ERR_MALFORMED);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_REVOKE_CERTIFICATE, proof, "a.example", &got), ERR_POLICY);
    CU_ASSERT_EQUAL(store_certificate_revoked(f.ca.store, 1, SMALL_CA_NOW - 5, 1, &err), 0);
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_REVOKE_CERTIFICATE, proof, OWN, &got), 0);
    CU_ASSERT(got.count == 1 && got.error == 0);
    CU_ASSERT_STRING_EQUAL(got.answer,
                           "{\"result\":\"ok\",\"output\":\"certificate 1a2b3c (" OWN
                           ") was revoked before, since 2027-01-15T07:59:55Z: keyCompromise\\n\"}");
    CU_ASSERT_EQUAL(submit(&f, SUBMIT_PING, proof, OWN, &got), ERR_INTERNAL);
    free(got.answer);
    free(proof);
    tear_down(&f);
}

static void test_operator(void)
{
    struct got got = {0};
    struct fixture f;
    struct err err = {0};

    set_up(&f);
    CU_ASSERT_EQUAL(operator_revokes(&f, "1a2b3c", "because", &got), ERR_RANGE);
    CU_ASSERT_EQUAL(operator_revokes(&f, "ffff", NULL, &got), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(operator_revokes(&f, "1a2b3c", "superseded", &got), 0);
    CU_ASSERT_EQUAL(got.count, 0);
    CU_ASSERT_EQUAL(store_certificate_revoked(f.ca.store, 1, SMALL_CA_NOW, 4, &err), 0);
    struct got second = {0};
    CU_ASSERT_EQUAL(operator_revokes(&f, "1a:2b:3c", NULL, &second), 0);
    CU_ASSERT_STRING_EQUAL(second.answer,
                           "{\"serial\":\"1a2b3c\",\"names\":[\"a.example\",\"www.a.example\"],"
                           "\"revoked\":\"2027-01-15T08:00:00Z\",\"reason\":\"superseded\","
                           "\"already\":true}");
    free(second.answer);
    tear_down(&f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"renewal information", test_renewal},
        {"clients of the configuration", test_clients},
        {"OCSP", test_ocsp},
        {"revoked by a client", test_revoke},
        {"revoked by the operator", test_operator},
    };
    return RUN("aftercare", tests);
}

#include "issuer/submit.h"

#include <CUnit/Basic.h>
#include <signal.h>

#include "issuer/aftercare.h"
#include "issuer/intake.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/desk_fixture.h"
#include "tests/unit/issuer/local_client.h"

struct fixture {
    struct desk_fixture base;
    struct intake *intake;
    struct aftercare *aftercare;
    struct submit *submit;
    char path[128];
};

static void set_up(struct fixture *f)
{
    struct submit_options options = {.loop = &f->base.loop, .clock = &clock_system};

    struct err err = {0};

    desk_fixture_set_up(&f->base);
    struct aftercare_options aftercare = {.loop = &f->base.loop,
                                          .clock = &clock_system,
                                          .store = f->base.store,
                                          .desk = f->base.desk,
                                          .conf = &f->base.conf};
    CU_ASSERT_EQUAL_FATAL(aftercare_new(&f->aftercare, &aftercare, &err), 0);
    options.aftercare = f->aftercare;
    (void)snprintf(f->path, sizeof f->path, "%.127s", folder_file(&f->base.folder, "submit.sock"));
    const struct intake_options intake = {.loop = &f->base.loop,
                                          .clock = &clock_system,
                                          .store = f->base.store,
                                          .desk = f->base.desk,
                                          .conf = &f->base.conf};
    CU_ASSERT_EQUAL_FATAL(intake_new(&f->intake, &intake), 0);
    options.desk = f->base.desk;
    options.intake = f->intake;
    options.conf = &f->base.conf;
    options.fd = local_listen(f->path);
    CU_ASSERT_EQUAL_FATAL(submit_new(&f->submit, &options), 0);
}

static void tear_down(struct fixture *f)
{
    intake_free(f->intake);
    aftercare_free(f->aftercare);
    submit_free(f->submit);
    desk_fixture_tear_down(&f->base);
}

static void expect(struct fixture *f, const char *request, const char *kind, const char *words)
{
    local_expect(f->path, &f->base.loop, request, kind, words);
}

/* A request as one line; the caller frees. */
static char *request_of(const char *op, const char *domains, const char *input, const char *more)
{
    json_t *object = json_pack("{s:i, s:s, s:s*, s:s*, s:s}", "v", 1, "op", op, "domains", domains,
                               "input", input, "client", "192.0.2.1");
    json_t *extra = more != NULL ? json_loads(more, 0, NULL) : NULL;
    char *text;

    if (extra != NULL)
        (void)json_object_update(object, extra);
    text = json_dumps(object, JSON_COMPACT);
    json_decref(extra);
    json_decref(object);
    return text;
}

static void refuses(struct fixture *f, const char *op, const char *domains, const char *input,
                    const char *more, const char *kind, const char *words)
{
    char *request = request_of(op, domains, input, more);

    expect(f, request, kind, words);
    free(request);
}

static void test_ping(void)
{
    struct fixture f;

    set_up(&f);
    expect(&f, "{\"v\":1,\"op\":\"ping\"}", "", "pong\n");
    expect(&f, "{\"v\":1,\"op\":\"ping\",\"client\":\"local\",\"staging\":true}", "", "pong\n");
    tear_down(&f);
}

static void test_bad_requests(void)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"", "JSON"},
        {"hello", "JSON"},
        {"[]", "not a JSON object"},
        {"{}", "lacks \"v\""},
        {"{\"v\":1}", "lacks"},
        {"{\"v\":2,\"op\":\"ping\"}", "another version"},
        {"{\"v\":\"1\",\"op\":\"ping\"}", "another version"},
        {"{\"v\":1,\"op\":7}", "not a string"},
        {"{\"v\":1,\"op\":\"ping\",\"op\":\"ping\"}", "JSON"},
        {"{\"v\":1,\"op\":\"ping\"} x", "JSON"},
        {"{\"v\":1,\"op\":\"reboot\"}", "unknown operation \"reboot\""},
        {"{\"v\":1,\"op\":\"ping\",\"auth_hook\":\"x\"}", "unknown member \"auth_hook\""},
        {"{\"v\":1,\"op\":\"ping\",\"staging\":\"yes\"}", "wrong type"},
        {"{\"v\":1,\"op\":\"get certificate\",\"domains\":\"a.example\"}", "lacks \"input\""},
        {"{\"v\":1,\"op\":\"get certificate\",\"input\":\"x\"}", "lacks \"domains\""},
        {"{\"v\":1,\"op\":\"get renewal-info\",\"input\":\"x\"}", "lacks \"domains\""},
        {"{\"v\":1,\"op\":\"revoke certificate\",\"domains\":\"x\"}", "lacks \"input\""},
        {"{\"v\":1,\"op\":\"show csr\"}", "lacks \"input\""},
        {"{\"v\":1,\"op\":\"ping\",\"client\":\"a\\u0000b\"}", "JSON"},
    };
    struct fixture f;

    set_up(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(&f, cases[i].line, "input", cases[i].words);
    tear_down(&f);
}

static void test_refused(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "www.example.org");
    struct fixture f;

    set_up(&f);
    refuses(&f, "get certificate", "a.example", "nonsense", NULL, "input", "PEM");
    refuses(&f, "get certificate", "", pem, NULL, "policy", "domain sets");
    refuses(&f, "get certificate", "other.example", pem, NULL, "policy", "www.example.org");
    refuses(&f, "get certificate", "a..b", pem, NULL, "input", "on the server");
    refuses(&f, "get certificate", "www.example.org", pem,
            "{\"acme_server_url\":\"https://evil.example/\"}", "policy", "does not order from");
    refuses(&f, "get certificate", "www.example.org", pem, "{\"staging\":true}", "policy",
            "staging");
    free(pem);
    EVP_PKEY_free(key);
    tear_down(&f);
}

static void test_show(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "www.example.org"), *cert = cert_for(key, "www.example.org", NULL);
    char *with_ocsp = cert_for(key, "www.example.org", "http://ocsp.example/");
    struct fixture f;

    set_up(&f);
    refuses(&f, "show csr", NULL, pem, NULL, "", "www.example.org");
    refuses(&f, "show csr", NULL, cert, NULL, "input", "is a certificate");
    refuses(&f, "show certificate", NULL, cert, NULL, "", "serial:     1a2b3c\n");
    refuses(&f, "show certificate", NULL, cert, NULL, "", "CN=Test\\, CA");
    refuses(&f, "show certificate", NULL, pem, NULL, "input", "not a certificate");
    refuses(&f, "show configuration", NULL, NULL, NULL, "", "acme-server-url: ");
    refuses(&f, "get ocsp", NULL, cert, NULL, "input", "this CA has none");
    refuses(&f, "get ocsp", NULL, with_ocsp, NULL, "input", "not issued by way of");
    refuses(&f, "get renewal-info", "www.example.org", with_ocsp, NULL, "input", "not issued by");
    refuses(&f, "revoke certificate", "www.example.org", cert, NULL, "input", "does not begin");
    refuses(&f, "get ocsp", NULL, "x", NULL, "input", "PEM");
    tear_down(&f);
    free(pem);
    free(cert);
    free(with_ocsp);
    EVP_PKEY_free(key);
}

/* Nobody listens where the CA should be: the client is told so, in the end. */
static void test_no_ca(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "www.example.org");
    char *request = request_of("get certificate", "www.example.org", pem, NULL);
    struct local_client waiting;
    struct fixture f;
    json_t *result;

    set_up(&f);
    local_connect(&waiting, f.path);
    CU_ASSERT_TRUE(local_send(&waiting, &f.base.loop, request, strlen(request)));
    CU_ASSERT_TRUE(local_send(&waiting, &f.base.loop, "\n", strlen("\n")));
    desk_fixture_turn(&f.base);
    expect(&f, "{\"v\":1,\"op\":\"ping\"}", "", "pong\n"); /* others go on */
    desk_stop(f.base.desk);
    local_wait(&waiting, &f.base.loop);
    result = local_result(&waiting);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    CU_ASSERT_STRING_EQUAL(local_text(result, "kind"), "interrupted");
    json_decref(result);
    local_close(&waiting);
    refuses(&f, "get certificate", "www.example.org", pem, NULL, "interrupted", "stopped");
    tear_down(&f);
    free(request);
    free(pem);
    EVP_PKEY_free(key);
}

/* A client sees nothing of the others and of the server's insides. */
static void test_configuration(void)
{
    char *names[] = {(char *)"www.example.org"};
    struct server_conf_client clients[] = {
        {.name = (char *)"mail", .max_names = 1},
        {.name = (char *)"web", .names = {names, 1}, .max_names = 1},
    };
    struct server_conf_zone zone = {.name = (char *)"acme.example.com"};
    struct server_conf conf = {
        .zones = {&zone, 1},
        .clients = {clients, 2},
        .state_dir = (char *)"/secret/state",
        .acme_email = (char *)"secret@example.org",
    };
    struct err err = {0};
    char *text;

    CU_ASSERT_EQUAL_FATAL(submit_configuration(&conf, "web", &text, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "www.example.org"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "acme.example.com"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "name: \"letsencrypt\""));
    CU_ASSERT_PTR_NULL(strstr(text, "mail"));
    CU_ASSERT_PTR_NULL(strstr(text, "secret"));
    free(text);
    CU_ASSERT_EQUAL_FATAL(submit_configuration(&conf, NULL, &text, &err), 0);
    CU_ASSERT_PTR_NULL(strstr(text, "web"));
    CU_ASSERT_PTR_NULL(strstr(text, "clients"));
    free(text);
    CU_ASSERT_EQUAL(submit_configuration(&conf, "nobody", &text, &err), ERR_POLICY);
    free(text);
}

static void test_members(void)
{
    char name[LIMIT_WORD + 2];
    struct fixture f;
    json_t *more;
    char *text;

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    set_up(&f);
    for (int i = 0; i < 2; i++) {
        more = json_pack("{s:s}", i == 0 ? "client_name" : "profile", name);
        text = json_dumps(more, 0);
        refuses(&f, "ping", NULL, NULL, text, "input", "longer than 64");
        free(text);
        json_decref(more);
    }
    refuses(&f, "get certificate", NULL, f.base.pem, "{\"client_name\":\"nobody\"}", "policy",
            "nobody");
    refuses(&f, "get certificate", "a.example", f.base.pem, "{\"authority\":\"other\"}", "policy",
            "does not order from other");
    refuses(&f, "show configuration", NULL, NULL, "{\"client_name\":\"nobody\"}", "policy",
            "nobody");
    refuses(&f, "show acmeaccount", NULL, NULL, "{\"client_name\":\"nobody\"}", "policy", "nobody");
    tear_down(&f);
}

static void test_client_leaves(void)
{
    EVP_PKEY *key = key_ec("P-256");
    char *pem = csr_for(key, "www.example.org");
    char *request = request_of("get certificate", "www.example.org", pem, NULL);
    struct local_client leaving, account;
    struct fixture f;
    uint64_t counts[ORDER_STATES];

    set_up(&f);
    local_connect(&leaving, f.path);
    CU_ASSERT_TRUE(local_send(&leaving, &f.base.loop, request, strlen(request)));
    CU_ASSERT_TRUE(local_send(&leaving, &f.base.loop, "\n", strlen("\n")));
    desk_fixture_turn(&f.base);
    local_close(&leaving);
    local_connect(&account, f.path);
    CU_ASSERT_TRUE(local_send(&account, &f.base.loop, "{\"v\":1,\"op\":\"show acmeaccount\"}\n",
                              strlen("{\"v\":1,\"op\":\"show acmeaccount\"}\n")));
    desk_fixture_turn(&f.base);
    local_close(&account);
    desk_fixture_turn(&f.base);
    CU_ASSERT_EQUAL(store_order_count(f.base.store, counts, NULL), 0);
    CU_ASSERT_EQUAL(counts[ORDER_FAILED], 0); /* it goes on */
    tear_down(&f);
    free(request);
    free(pem);
    EVP_PKEY_free(key);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"configuration", test_configuration},
        {"members", test_members},
        {"ping", test_ping},
        {"bad requests", test_bad_requests},
        {"refused", test_refused},
        {"show", test_show},
        {"no CA", test_no_ca},
        {"client leaves", test_client_leaves},
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return RUN("submit", tests);
}

#include "issuer/acme.h"
#include "issuer/control.h"

#include <CUnit/Basic.h>
#include <signal.h>

#include "issuer/aftercare.h"
#include "issuer/renewal.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/desk_fixture.h"
#include "tests/unit/issuer/local_client.h"

struct fixture {
    struct desk_fixture base;
    struct aftercare *aftercare;
    struct control *control;
    struct control_process processes[IPC_ROLES];
    char path[128];
    unsigned reloads;
    int reload_result;
};

static int on_reload(void *arg)
{
    struct fixture *f = arg;

    f->reloads++;
    return f->reload_result;
}

static void set_up(struct fixture *f)
{
    struct control_options options = {.loop = &f->base.loop,
                                      .clock = &clock_system,
                                      .processes = f->processes,
                                      .started = clock_wall_s(&clock_system) - 60,
                                      .reload = on_reload,
                                      .arg = f};

    memset(f, 0, sizeof *f);
    desk_fixture_set_up(&f->base);
    (void)snprintf(f->path, sizeof f->path, "%.127s", folder_file(&f->base.folder, "control.sock"));
    struct aftercare_options aftercare = {.loop = &f->base.loop,
                                          .clock = &clock_system,
                                          .store = f->base.store,
                                          .desk = f->base.desk,
                                          .conf = &f->base.conf};
    struct err err = {0};
    CU_ASSERT_EQUAL_FATAL(aftercare_new(&f->aftercare, &aftercare, &err), 0);
    options.aftercare = f->aftercare;
    options.store = f->base.store;
    options.publisher = f->base.publisher;
    options.desk = f->base.desk;
    options.conf = &f->base.conf;
    options.fd = local_listen(f->path);
    CU_ASSERT_EQUAL_FATAL(control_new(&f->control, &options), 0);
}

static void tear_down(struct fixture *f)
{
    aftercare_free(f->aftercare);
    control_free(f->control);
    desk_fixture_tear_down(&f->base);
}

/* The "data" of an answer; the caller's. */
static json_t *ask(struct fixture *f, const char *request)
{
    json_t *result = local_ask(f->path, &f->base.loop, request);
    json_t *data = json_incref(json_object_get(result, "data"));

    if (data == NULL)
        printf("\n  %s: %s\n", request, local_text(result, "message"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    json_decref(result);
    return data;
}

static uint64_t add_issued(struct fixture *f)
{
    const struct store_order order = {.client = "192.0.2.1",
                                      .peer_uid = -1,
                                      .directory_url = "https://ca.example/dir",
                                      .names = "*.b.example,b.example",
                                      .csr = (const uint8_t *)"x",
                                      .csr_len = 1,
                                      .created = 1700000000123456};
    const struct store_certificate cert = {.serial = "1a2b",
                                           .names = "b.example,*.b.example",
                                           .issuer = "CN=Test",
                                           .pem = "x",
                                           .not_before = 10,
                                           .not_after = 1800000000,
                                           .created = 1700000001000000};
    uint64_t id = 0;

    CU_ASSERT_EQUAL(store_order_add(f->base.store, &order, &id, NULL), 0);
    CU_ASSERT_EQUAL(store_event_add(f->base.store, id, 1700000000500000, "ordered"), 0);
    CU_ASSERT_EQUAL(store_order_issue(f->base.store, id, &cert, NULL), 0);
    CU_ASSERT_EQUAL(store_event_add(f->base.store, id, 1700000000600000, "issued \xff"), 0);
    return id;
}

static void test_ping(void)
{
    struct fixture f;
    json_t *data;

    set_up(&f);
    data = ask(&f, "{\"v\":1,\"op\":\"ping\"}");
    CU_ASSERT_TRUE(json_is_true(json_object_get(data, "pong")));
    CU_ASSERT_STRING_EQUAL(local_text(data, "version"), CERTMILL_VERSION);
    json_decref(data);
    tear_down(&f);
}

static void test_bad_requests(void)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"nonsense", "JSON"},
        {"{\"v\":1,\"op\":\"shutdown\"}", "unknown operation"},
        {"{\"v\":1,\"op\":\"ping\",\"id\":1}", "unknown member \"id\""},
        {"{\"v\":1,\"op\":\"records\",\"limit\":1}", "unknown member \"limit\""},
        {"{\"v\":1,\"op\":\"orders\",\"name\":\"x\"}", "unknown member \"name\""},
        {"{\"v\":1,\"op\":\"orders\",\"id\":0}", "no order's number"},
        {"{\"v\":1,\"op\":\"orders\",\"id\":\"1\"}", "wrong type"},
        {"{\"v\":1,\"op\":\"orders\",\"id\":99}", "no order 99"},
        {"{\"v\":1,\"op\":\"orders\",\"forget\":true}", "unknown member \"forget\""},
        {"{\"v\":1,\"op\":\"limits\",\"forget\":true}", "lacks \"name\""},
        {"{\"v\":1,\"op\":\"orders\",\"limit\":-1}", "between 1 and"},
        {"{\"v\":1,\"op\":\"orders\",\"limit\":1000000}", "between 1 and"},
        {"{\"v\":1,\"op\":\"certificates\",\"name\":\"a b\"}", "a b"},
        {"{\"v\":1,\"op\":\"persist\"}", "lacks \"name\""},
        {"{\"v\":1,\"op\":\"persist\",\"name\":\"a.example,a b\"}", "a b"},
        {"{\"v\":1,\"op\":\"accounts\",\"key_type\":\"x\"}", "unknown member \"key_type\""},
        {"{\"v\":1,\"op\":\"account-agree\",\"name\":\"a\",\"key_type\":\"x\"}",
         "unknown member \"key_type\""},
        {"{\"v\":1,\"op\":\"account-roll-over\"}", "lacks \"name\""},
        {"{\"v\":1,\"op\":\"account-deactivate\",\"name\":\"nobody\"}", "no authority nobody"},
        {"{\"v\":1,\"op\":\"revoke\"}", "lacks \"serial\""},
        {"{\"v\":1,\"op\":\"ping\",\"serial\":\"1\"}", "unknown member \"serial\""},
        {"{\"v\":1,\"op\":\"ping\",\"reason\":\"1\"}", "unknown member \"reason\""},
        {"{\"v\":1,\"op\":\"revoke\",\"serial\":\"xyz\"}", "no serial number"},
        {"{\"v\":1,\"op\":\"revoke\",\"serial\":\"1\",\"reason\":\"2\"}", "no reason"},
    };
    struct fixture f;

    set_up(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        local_expect(f.path, &f.base.loop, cases[i].line, "input", cases[i].words);
    tear_down(&f);
}

/* What became of a certificate stands with it. */
static void test_revoke(void)
{
    const struct renewal_window window = {1800100000, 1800200000, 1800000000, 1800000060, ""};
    struct fixture f;
    struct err err = {0};
    json_t *data;

    set_up(&f);
    CU_ASSERT_EQUAL(add_issued(&f), 1);
    data = ask(&f, "{\"v\":1,\"op\":\"certificates\"}");
    const json_t *row = json_array_get(json_object_get(data, "certificates"), 0);
    CU_ASSERT(json_is_null(json_object_get(row, "revoked")) &&
              json_is_null(json_object_get(row, "renewal")));
    json_decref(data);
    CU_ASSERT_EQUAL(store_certificate_revoked(f.base.store, 1, 1800000000, 5, &err), 0);
    CU_ASSERT_EQUAL(store_certificate_renewal(f.base.store, 1, &window, &err), 0);
    data = ask(&f, "{\"v\":1,\"op\":\"revoke\",\"serial\":\"1A:2B\"}");
    CU_ASSERT_STRING_EQUAL(local_text(data, "reason"), "cessationOfOperation");
    CU_ASSERT_TRUE(json_is_true(json_object_get(data, "already")));
    json_decref(data);
    data = ask(&f, "{\"v\":1,\"op\":\"certificates\"}");
    row = json_array_get(json_object_get(data, "certificates"), 0);
    CU_ASSERT_STRING_EQUAL(local_text(row, "revoked"), "2027-01-15T08:00:00Z");
    CU_ASSERT_STRING_EQUAL(local_text(row, "reason"), "cessationOfOperation");
    CU_ASSERT_STRING_EQUAL(local_text(json_object_get(row, "renewal"), "start"),
                           "2027-01-16T11:46:40Z");
    CU_ASSERT(json_is_null(json_object_get(json_object_get(row, "renewal"), "explanation")));
    json_decref(data);
    tear_down(&f);
}

static void test_orders(void)
{
    struct fixture f;
    json_t *data, *order, *events, *names;

    set_up(&f);
    CU_ASSERT_EQUAL(add_issued(&f), 1);
    data = ask(&f, "{\"v\":1,\"op\":\"orders\",\"limit\":5}");
    order = json_array_get(json_object_get(data, "orders"), 0);
    CU_ASSERT_STRING_EQUAL(local_text(order, "state"), "issued");
    CU_ASSERT_STRING_EQUAL(local_text(order, "created"), "2023-11-14T22:13:20.123456Z");
    CU_ASSERT_TRUE(json_is_null(json_object_get(order, "url")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(order, "failure")));
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(order, "peer_uid")), -1);
    names = json_object_get(order, "names");
    CU_ASSERT_EQUAL(json_array_size(names), 2);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(names, 0)), "*.b.example");
    json_decref(data);
    data = ask(&f, "{\"v\":1,\"op\":\"orders\",\"id\":1}");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(data, "order"), "id")), 1);
    events = json_object_get(data, "events");
    CU_ASSERT_EQUAL(json_array_size(events), 2);
    CU_ASSERT_STRING_EQUAL(local_text(json_array_get(events, 0), "message"), "ordered");
    CU_ASSERT_STRING_EQUAL(local_text(json_array_get(events, 1), "message"), "issued \xef\xbf\xbd");
    json_decref(data);
    tear_down(&f);
}

static size_t count_of(struct fixture *f, const char *request, const char *member)
{
    json_t *data = ask(f, request);
    size_t count = json_array_size(json_object_get(data, member));

    json_decref(data);
    return count;
}

static void test_rows(void)
{
    struct fixture f;
    json_t *data, *row;

    set_up(&f);
    (void)add_issued(&f);
    CU_ASSERT_EQUAL(count_of(&f, "{\"v\":1,\"op\":\"certificates\"}", "certificates"), 1);
    CU_ASSERT_EQUAL(
        count_of(&f, "{\"v\":1,\"op\":\"certificates\",\"name\":\"*.B.example\"}", "certificates"),
        1);
    CU_ASSERT_EQUAL(
        count_of(&f, "{\"v\":1,\"op\":\"certificates\",\"name\":\"c.example\"}", "certificates"),
        0);
    CU_ASSERT_EQUAL(store_account_put(
                        f.base.store, "https://ca",
                        &(struct acme_account){.url = "https://ca/1", .thumbprint = "t"}, 1, NULL),
                    0);
    data = ask(&f, "{\"v\":1,\"op\":\"accounts\"}");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(data, "accounts")), 2);
    row = json_array_get(json_object_get(data, "accounts"), 0);
    CU_ASSERT_STRING_EQUAL(local_text(row, "url"), "https://ca/1");
    CU_ASSERT_TRUE(json_is_null(json_object_get(row, "name")));
    row = json_array_get(json_object_get(data, "accounts"), 1);
    CU_ASSERT_STRING_EQUAL(local_text(row, "directory"), f.base.directory);
    CU_ASSERT_TRUE(json_is_null(json_object_get(row, "url")));
    CU_ASSERT_TRUE(
        json_is_false(json_object_get(json_object_get(row, "ca"), "reached"))); /* nobody there */
    json_decref(data);
    CU_ASSERT_EQUAL(count_of(&f, "{\"v\":1,\"op\":\"records\"}", "records"), 0);
    CU_ASSERT_EQUAL(publisher_add(f.base.publisher, "a.example", "value", 7, 4000000000, NULL), 0);
    data = ask(&f, "{\"v\":1,\"op\":\"records\"}");
    row = json_array_get(json_object_get(data, "records"), 0);
    CU_ASSERT_STRING_EQUAL(local_text(row, "name"), "a.example.acme.example.com");
    CU_ASSERT_STRING_EQUAL(local_text(row, "zone"), "acme.example.com");
    CU_ASSERT_STRING_EQUAL(local_text(row, "value"), "value");
    CU_ASSERT_STRING_EQUAL(local_text(row, "expires"), "2096-10-02T07:06:40Z");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(row, "order")), 7);
    json_decref(data);
    tear_down(&f);
}

static const char *record_member(const json_t *data, size_t at, const char *member)
{
    return local_text(json_array_get(json_object_get(data, "records"), at), member);
}

/* draft-ietf-acme-dns-persist, draft-ietf-acme-dns-account-label: what the operator publishes. */
static void test_persist(void)
{
    char *caa[] = {(char *)"ca.example"};
    struct server_conf_authority rows[] = {{.name = (char *)"one",
                                            .directory = (char *)"https://one/d",
                                            .challenge = (char *)"dns-account-01",
                                            .caa = {caa, 1},
                                            .limit_orders = -1},
                                           {.name = (char *)"two",
                                            .directory = (char *)"https://two/d",
                                            .challenge = (char *)"dns-persist-01"}};
    static const char ask_for[] = "{\"v\":1,\"op\":\"persist\",\"name\":\"a.example,*.B.example\"}";
    struct fixture f;
    json_t *data;

    set_up(&f);
    f.base.conf.authorities = (struct conf_table){rows, 2};
    data = ask(&f, ask_for);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(data, "records")), 6);
    CU_ASSERT(json_is_null(
        json_object_get(json_array_get(json_object_get(data, "records"), 0), "value")));
    CU_ASSERT_PTR_NOT_NULL(strstr(record_member(data, 0, "problem"), "no account"));
    json_decref(data);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(store_account_put(
                            f.base.store, rows[i].directory,
                            &(struct acme_account){.url = "https://one/acct/1", .thumbprint = "t"},
                            1, NULL),
                        0);
    data = ask(&f, ask_for);
    CU_ASSERT_STRING_EQUAL(record_member(data, 0, "owner"), "_validation-persist.a.example.");
    CU_ASSERT_STRING_EQUAL(record_member(data, 0, "type"), "TXT");
    CU_ASSERT_STRING_EQUAL(record_member(data, 0, "value"),
                           "\"ca.example; accounturi=https://one/acct/1\"");
    CU_ASSERT_STRING_EQUAL(record_member(data, 0, "challenge"), "dns-persist-01");
    CU_ASSERT_STRING_EQUAL(record_member(data, 0, "authority"), "one");
    CU_ASSERT_STRING_EQUAL(record_member(data, 1, "type"), "CNAME");
    CU_ASSERT_PTR_NOT_NULL(strstr(record_member(data, 1, "owner"), "._acme-challenge.a.example."));
    CU_ASSERT_STRING_EQUAL(record_member(data, 1, "value"), "a.example.acme.example.com.");
    CU_ASSERT_PTR_NOT_NULL(strstr(record_member(data, 2, "problem"), "set caa"));
    CU_ASSERT_STRING_EQUAL(record_member(data, 3, "owner"), "_validation-persist.b.example.");
    CU_ASSERT_STRING_EQUAL(record_member(data, 3, "value"),
                           "\"ca.example; accounturi=https://one/acct/1; policy=wildcard\"");
    CU_ASSERT_PTR_NOT_NULL(strstr(record_member(data, 4, "owner"), "._acme-challenge.b.example."));
    json_decref(data);
    tear_down(&f);
}

/* Also where dnsd has died: the counters are missing then, nothing else. */
static void test_status(void)
{
    struct fixture f;
    json_t *data, *process;

    set_up(&f);
    (void)add_issued(&f);
    f.processes[IPC_ROLE_DNSD] = (struct control_process){
        .known = true, .state = IPC_PROCESS_WAITING, .pid = 77, .restarts = 3, .since = 5};
    desk_fixture_turn(&f.base);
    fake_dnsd_close(&f.base.dnsd);
    data = ask(&f, "{\"v\":1,\"op\":\"status\"}");
    CU_ASSERT(json_integer_value(json_object_get(data, "uptime")) >= 60);
    CU_ASSERT_STRING_EQUAL(local_text(data, "directory"), f.base.directory);
    process = json_object_get(data, "authorities");
    CU_ASSERT_EQUAL(json_array_size(process), 1);
    CU_ASSERT_STRING_EQUAL(local_text(json_array_get(process, 0), "directory"), f.base.directory);
    CU_ASSERT_STRING_NOT_EQUAL(local_text(json_array_get(process, 0), "name"), "");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(data, "zones")), 1);
    process = json_array_get(json_object_get(data, "processes"), 0);
    CU_ASSERT_STRING_EQUAL(local_text(process, "role"), "dnsd");
    CU_ASSERT_STRING_EQUAL(local_text(process, "state"), "waiting");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(data, "orders"), "issued")),
                    1);
    CU_ASSERT_TRUE(json_is_object(json_object_get(data, "dns")));
    json_decref(data);
    tear_down(&f);
}

static void test_reload(void)
{
    static const char request[] = "{\"v\":1,\"op\":\"reload\"}\n";
    struct local_client clients[3];
    struct fixture f;
    json_t *result;

    set_up(&f);
    for (int i = 0; i < 3; i++) {
        local_connect(&clients[i], f.path);
        CU_ASSERT_TRUE(local_send(&clients[i], &f.base.loop, request, sizeof request - 1));
    }
    desk_fixture_turn(&f.base);
    CU_ASSERT_EQUAL(f.reloads, 1); /* once for all */
    local_close(&clients[0]);
    desk_fixture_turn(&f.base);
    control_reloaded(f.control, true, "");
    control_reloaded(f.control, false, "nobody asks any more");
    for (int i = 1; i < 3; i++) {
        local_wait(&clients[i], &f.base.loop);
        result = local_result(&clients[i]);
        CU_ASSERT_STRING_EQUAL(local_text(result, "result"), "ok");
        json_decref(result);
        local_close(&clients[i]);
    }
    local_connect(&clients[0], f.path);
    CU_ASSERT_TRUE(local_send(&clients[0], &f.base.loop, request, sizeof request - 1));
    desk_fixture_turn(&f.base);
    control_reloaded(f.control, false, "zone line 4");
    local_wait(&clients[0], &f.base.loop);
    result = local_result(&clients[0]);
    CU_ASSERT_PTR_NOT_NULL(strstr(local_text(result, "message"), "zone line 4"));
    json_decref(result);
    local_close(&clients[0]);
    f.reload_result = -EPIPE;
    local_expect(f.path, &f.base.loop, "{\"v\":1,\"op\":\"reload\"}", "internal", "supervisor");
    tear_down(&f);
}

static void test_end_while_waiting(void)
{
    struct local_client reload, status;
    struct fixture f;

    set_up(&f);
    local_connect(&reload, f.path);
    local_connect(&status, f.path);
    CU_ASSERT_TRUE(local_send(&reload, &f.base.loop, "{\"v\":1,\"op\":\"reload\"}\n",
                              strlen("{\"v\":1,\"op\":\"reload\"}\n")));
    CU_ASSERT_TRUE(local_send(&status, &f.base.loop, "{\"v\":1,\"op\":\"status\"}\n",
                              strlen("{\"v\":1,\"op\":\"status\"}\n")));
    desk_fixture_turn(&f.base);
    tear_down(&f);
    local_read(&reload);
    CU_ASSERT_TRUE(reload.ended);
    local_read(&status);
    CU_ASSERT_TRUE(status.ended);
    local_close(&reload);
    local_close(&status);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"ping", test_ping},
        {"bad requests", test_bad_requests},
        {"orders", test_orders},
        {"rows", test_rows},
        {"persist", test_persist},
        {"revoke", test_revoke},
        {"status", test_status},
        {"reload", test_reload},
        {"end while waiting", test_end_while_waiting},
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return RUN("control", tests);
}

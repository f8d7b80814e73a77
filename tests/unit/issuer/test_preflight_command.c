#include "issuer/preflight_command.h"

#include "issuer/acme.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/folder.h"
#include "tests/unit/issuer/publisher_fixture.h"

struct lab {
    struct fixture f; /* first: its clock's argument */
    struct folder folder;
    struct store *store;
    struct preflight *preflight;
    struct preflight_check *check;
    struct server_conf conf;
    char *resolver;
    unsigned done;
    char text[2048];
};

static void on_done(void *arg, const struct preflight_finding *findings, size_t count)
{
    struct lab *lab = arg;

    lab->done++;
    lab->text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        strncat(lab->text, findings[i].text, sizeof lab->text - strlen(lab->text) - 1);
}

static char *set = (char *)"a.example,b.example";
static struct server_conf_client client = {
    .name = (char *)"web", .names = {&set, 1}, .max_names = 10};

static void lab_open(struct lab *lab)
{
    struct preflight_options options = {.loop = &lab->f.loop, .clock = &lab->f.clock};
    struct err err = {0};

    memset(lab, 0, sizeof *lab);
    set_up(&lab->f);
    folder_make(&lab->folder);
    CU_ASSERT_EQUAL_FATAL(store_open(&lab->store, folder_file(&lab->folder, "store.db"), &err), 0);
    lab->resolver = (char *)"127.0.0.1:1"; /* nobody */
    lab->conf.resolver = (struct conf_strings){&lab->resolver, 1};
    lab->conf.zones.rows = &plain_zone;
    lab->conf.zones.count = 1;
    lab->conf.clients.rows = &client;
    lab->conf.clients.count = 1;
    lab->conf.acme_server_url = (char *)SERVER_CONF_LETSENCRYPT;
    options.conf = &lab->conf;
    options.publisher = lab->f.publisher;
    CU_ASSERT_EQUAL_FATAL(preflight_new(&lab->preflight, &options), 0);
}

static void lab_close(struct lab *lab)
{
    preflight_free(lab->preflight);
    tear_down(&lab->f);
    store_close(lab->store);
    folder_remove(&lab->folder);
}

static int run(struct lab *lab, const char *names, const char *client_name, const char *domains,
               struct err *err)
{
    const struct preflight_command command = {.preflight = lab->preflight,
                                              .store = lab->store,
                                              .conf = &lab->conf,
                                              .names = names,
                                              .client_name = client_name,
                                              .domains = domains};

    *err = (struct err){0};
    return preflight_command(&command, on_done, lab, &lab->check, err);
}

static void test_permitted(void)
{
    struct lab lab;
    struct err err;

    lab_open(&lab);
    CU_ASSERT_EQUAL(run(&lab, "A.example, *.b.example", NULL, NULL, &err), 0);
    CU_ASSERT_EQUAL(run(&lab, "a.example", "web", NULL, &err), 0);
    CU_ASSERT_EQUAL(run(&lab, "c.example", "web", NULL, &err), ERR_POLICY);
    CU_ASSERT_EQUAL(run(&lab, "a.example", "nobody", NULL, &err), ERR_POLICY);
    CU_ASSERT_EQUAL(run(&lab, "a.example,c.example", NULL, "a.example;c.example", &err), 0);
    CU_ASSERT_EQUAL(run(&lab, "a.example,d.example", NULL, "a.example;c.example", &err),
                    ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "d.example"));
    lab_close(&lab);
    CU_ASSERT_EQUAL(lab.done, 3);
}

static void test_names(void)
{
    char many[LIMIT_NAMES * 16 + 32] = "";
    struct lab lab;
    struct err err;

    lab_open(&lab);
    CU_ASSERT_EQUAL(run(&lab, "", NULL, NULL, &err), ERR_LIMIT);
    CU_ASSERT_EQUAL(run(&lab, "a.example;b.example", NULL, NULL, &err), ERR_LIMIT);
    CU_ASSERT_EQUAL(run(&lab, "no name", NULL, NULL, &err), ERR_MALFORMED);
    for (int i = 0; i <= LIMIT_NAMES; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "n%d.example,", i);
    many[strlen(many) - 1] = '\0';
    CU_ASSERT_EQUAL(run(&lab, many, NULL, NULL, &err), ERR_LIMIT);
    lab_close(&lab);
    CU_ASSERT_EQUAL(lab.done, 0);
}

/* Our account at the CA, as the store has it, goes into the record to publish. */
static void test_account(void)
{
    const struct acme_account account = {.url = "https://ca.example/acct/7",
                                         .key = "k",
                                         .key_type = "ecdsa-p256",
                                         .thumbprint = "t",
                                         .contact = "",
                                         .terms = "",
                                         .status = "valid"};
    struct server_conf_authority row = {.name = (char *)"p",
                                        .directory = (char *)"https://ca.example/dir",
                                        .challenge = (char *)"dns-persist-01"};
    char *caa = (char *)"ca.example";
    struct lab lab;
    struct err err;

    lab_open(&lab);
    row.caa = (struct conf_strings){&caa, 1};
    lab.conf.authorities.rows = &row;
    lab.conf.authorities.count = 1;
    CU_ASSERT_EQUAL(store_account_put(lab.store, row.directory, &account, 1, &err), 0);
    CU_ASSERT_EQUAL(run(&lab, "a.example", NULL, NULL, &err), 0);
    while (lab.done == 0)
        (void)uv_run(&lab.f.loop, UV_RUN_ONCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab.text, "cannot be looked up now"));
    lab_close(&lab);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void test_weigh(void)
{
    const struct preflight_finding findings[] = {
        {.kind = "cname", .severity = PREFLIGHT_GOOD, .text = "good"},
        {.kind = "dnssec", .severity = PREFLIGHT_TEMPORARY, .text = "perhaps"},
        {.kind = "caa", .severity = PREFLIGHT_DEFINITE, .text = "not there", .authority = "ca"},
        {.kind = "cname", .severity = PREFLIGHT_DEFINITE, .text = "nowhere", .name = "a.example"},
    };
    char *reason;
    json_t *json;

    CU_ASSERT_EQUAL(preflight_weigh("enforce", findings, 2, &reason), PREFLIGHT_GO);
    CU_ASSERT_PTR_NULL(reason);
    CU_ASSERT_EQUAL(preflight_weigh("warn", findings, 4, &reason), PREFLIGHT_GO);
    CU_ASSERT_PTR_NULL(reason);
    CU_ASSERT_EQUAL(preflight_weigh("enforce", findings, 3, &reason), PREFLIGHT_NEXT);
    CU_ASSERT_STRING_EQUAL(reason, "not there");
    free(reason);
    CU_ASSERT_EQUAL(preflight_weigh("enforce", findings, 4, &reason), PREFLIGHT_STOP);
    CU_ASSERT_STRING_EQUAL(reason, "not there\nnowhere");
    free(reason);
    CU_ASSERT_TRUE(preflight_all_good(findings, 1));
    CU_ASSERT_FALSE(preflight_all_good(findings, 2));
    json = preflight_json(findings, COUNT(findings));
    CU_ASSERT_FALSE(json_is_true(json_object_get(json, "good")));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json, "findings")), COUNT(findings));
    json_decref(json);
}

int main(void)
{
    static const struct run_case cases[] = {{"permitted", test_permitted},
                                            {"names", test_names},
                                            {"account", test_account},
                                            {"weigh", test_weigh}};

    return RUN("preflight_command", cases);
}

/* Accounts at the desk, for people: whose name is whose, and CAs that cannot be reached. */
#include <CUnit/Basic.h>
#include <signal.h>

#include "issuer/authority.h"
#include "tests/unit/issuer/desk_fixture.h"

struct got {
    int count, error;
    char text[256];
};

static void on_account(void *arg, int error, const char *text, const char *url)
{
    struct got *got = arg;

    (void)url;
    got->count++;
    got->error = error;
    (void)snprintf(got->text, sizeof got->text, "%s", text);
}

static void on_learnt(void *arg, int error)
{
    struct got *got = arg;

    got->count++;
    got->error = error;
}

static void test_names(void)
{
    struct desk_account_change what = {.name = "nobody", .change = ACME_REGISTER};
    struct desk_fixture f;
    struct got got = {0}, second = {0};
    struct err err = {0};

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(desk_account_change(f.desk, &what, on_account, &got, &err), ERR_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no authority nobody"));
    CU_ASSERT_PTR_NULL(desk_acme_find(f.desk, f.directory));
    what.name = f.directory;
    CU_ASSERT_EQUAL(desk_account_change(f.desk, &what, on_account, &got, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(desk_acme_find(f.desk, f.directory));
    CU_ASSERT_EQUAL(desk_account_change(f.desk, &what, on_account, &second, &err), ERR_BUSY);
    what.name = "https://127.0.0.1:1/another"; /* not configured, but there may be an account */
    CU_ASSERT_EQUAL(desk_account_change(f.desk, &what, on_account, &second, &err), 0);
    desk_fixture_tear_down(&f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
    CU_ASSERT(second.count == 1 && second.error == ERR_CANCELLED);
}

static void test_learn(void)
{
    struct desk_fixture f;
    struct got got = {0}, cancelled = {0};

    desk_fixture_set_up(&f);
    desk_learn(f.desk, 1, on_learnt, &got);
    for (int i = 0; i < 1000 && got.count == 0; i++)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT(got.count == 1 && got.error == 0); /* nobody is there: the time has passed */
    desk_learn(f.desk, 60000, on_learnt, &cancelled);
    desk_fixture_tear_down(&f);
    CU_ASSERT(got.count == 1);
    CU_ASSERT(cancelled.count == 1 && cancelled.error == ERR_CANCELLED);
}

static void test_reload(void)
{
    struct server_conf_authority row = {.name = (char *)"own", .email = (char *)"h@a.example"};
    struct server_conf conf;
    struct desk_fixture f;
    struct got got = {0};
    struct err err = {0};

    desk_fixture_set_up(&f);
    CU_ASSERT_EQUAL(desk_account(f.desk, f.directory, on_account, &got, &err), 0);
    row.directory = f.directory;
    conf = f.conf;
    conf.acme_server_url = NULL;
    conf.authorities = (struct conf_table){&row, 1};
    desk_configure(f.desk, &conf);
    const struct authority *authority = authorities_find(desk_authorities(f.desk), "own");
    CU_ASSERT_PTR_NOT_NULL_FATAL(authority);
    CU_ASSERT_STRING_EQUAL(authority->directory, f.directory);
    conf.authorities.count = 0; /* the CA is not configured any more; it is still there */
    conf.acme_server_url = (char *)"https://127.0.0.1:1/another";
    desk_configure(f.desk, &conf);
    CU_ASSERT_PTR_NOT_NULL(desk_acme_find(f.desk, f.directory));
    desk_fixture_tear_down(&f);
    CU_ASSERT(got.count == 1 && got.error == ERR_CANCELLED);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("desk_account", NULL, NULL);
    CU_add_test(s, "names", test_names);
    CU_add_test(s, "what cannot be learnt", test_learn);
    CU_add_test(s, "another configuration", test_reload);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

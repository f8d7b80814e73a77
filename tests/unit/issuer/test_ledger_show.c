/*
 * certmillctl limits: rows of the ledger, over control.sock's operation.
 */
#include "issuer/ledger.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <jansson.h>

#include "issuer/control_json.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ledger_fixture.h"

struct rows {
    struct ledger_fixture *f;
    char text[4096];
};

/* "authority what subject used/limit +next|words", a row a line. */
static void note(void *arg, const struct ledger_row *row)
{
    struct rows *rows = arg;
    size_t len = strlen(rows->text);

    (void)snprintf(rows->text + len, sizeof rows->text - len, "%s %s %s %lld/%lld +%lld|%s\n",
                   row->authority != NULL ? row->authority : "-", row->what,
                   row->subject != NULL ? row->subject : "-", (long long)row->used,
                   (long long)row->limit,
                   (long long)(row->next > 0 ? row->next - rows->f->wall : 0),
                   row->text != NULL ? row->text : "");
}

static const char *rows_of(struct rows *rows, struct ledger_fixture *f, const char *name)
{
    struct err err = {0};

    memset(rows, 0, sizeof *rows);
    rows->f = f;
    CU_ASSERT_EQUAL(ledger_each(f->ledger, &f->all, &f->conf, name, note, rows, &err), 0);
    return rows->text;
}

static void fill(struct ledger_fixture *f)
{
    char *names[] = {(char *)"*.example.org", (char *)"www.example.org"};
    struct ledger_order order = ledger_order_of(&f->other, names, 2);

    order.client = "web";
    order.requests_per_day = 3;
    ledger_ordered(f->ledger, &order);
    ledger_issued(f->ledger, &order);
    ledger_issue(f, &f->other, "mail.example.net");
    for (int i = 0; i < 3; i++) {
        ledger_failed(f->ledger, &f->other, "www.example.org", "NXDOMAIN");
    }
    order.name_count = 1;
    ledger_limited(f->ledger, &order, f->wall + 60, "slow down");
    order.client = "gone";
    ledger_ordered(f->ledger, &order);
}

static void test_all(void)
{
    struct ledger_fixture f;
    struct rows rows;

    ledger_fixture_set_up(&f);
    CU_ASSERT_STRING_EQUAL(rows_of(&rows, &f, NULL),
                           "le orders - 0/300 +0|\nother orders - 0/10 +0|\n");
    fill(&f);
    (void)rows_of(&rows, &f, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other orders - 2/10 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other domain example.org 1/4 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other domain example.net 1/4 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(rows.text, "other exact *.example.org,www.example.org 1/2 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other failures www.example.org 3/3 +3605|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "- requests web 1/3 +0|\n"));
    CU_ASSERT_PTR_NULL(strstr(rows.text, "gone"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "- delay www.example.org 3/0 +60|NXDOMAIN\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other told *.example.org 0/0 +60|slow down\n"));
    ledger_fixture_pass(&f, LEDGER_WEEK + 10);
    CU_ASSERT_STRING_EQUAL(rows_of(&rows, &f, NULL),
                           "le orders - 0/300 +0|\nother orders - 0/10 +0|\n"
                           "- delay www.example.org 3/0 +0|NXDOMAIN\n");
    ledger_fixture_tear_down(&f);
}

static void test_one_name(void)
{
    struct ledger_fixture f;
    struct rows rows;

    ledger_fixture_set_up(&f);
    fill(&f);
    (void)rows_of(&rows, &f, "www.example.org");
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "le orders - 0/300 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "le domain example.org 0/50 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other domain example.org 1/4 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "le failures www.example.org 0/5 +0|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "other failures www.example.org 3/3 +3605|\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "exact *.example.org,www.example.org 1/2"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "delay www.example.org"));
    CU_ASSERT_PTR_NULL(strstr(rows.text, "told"));
    CU_ASSERT_PTR_NULL(strstr(rows.text, "requests"));
    CU_ASSERT_PTR_NULL(strstr(rows.text, "example.net"));
    (void)rows_of(&rows, &f, "*.example.org");
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "told *.example.org"));
    CU_ASSERT_PTR_NULL(strstr(rows.text, "delay"));
    (void)rows_of(&rows, &f, "ww.example.org");
    CU_ASSERT_PTR_NULL(strstr(rows.text, "exact"));
    ledger_fixture_tear_down(&f);
}

/* A CA that is in the configuration no more: what it said is shown, by its URL. */
static void test_gone(void)
{
    struct ledger_fixture f;
    struct rows rows;

    ledger_fixture_set_up(&f);
    fill(&f);
    f.all.count = f.all.configured = 1;
    (void)rows_of(&rows, &f, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(rows.text, "https://other.example/dir told"));
    CU_ASSERT_PTR_NULL(strstr(rows.text, "domain"));
    ledger_fixture_tear_down(&f);
}

static const json_t *row_of(const json_t *data, const char *what)
{
    const json_t *rows = json_object_get(data, "limits");

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        if (strcmp(json_string_value(json_object_get(row, "what")), what) == 0) {
            return row;
        }
    }
    return NULL;
}

static void test_json(void)
{
    static struct server_conf_authority row = {.name = (char *)"other",
                                               .directory = (char *)"https://other.example/dir",
                                               .limit_orders = 10,
                                               .limit_domain = 4,
                                               .limit_exact = 2,
                                               .limit_failures = 3};
    struct ledger_fixture f;
    struct err err = {0};
    const json_t *found;
    json_t *data;

    ledger_fixture_set_up(&f);
    fill(&f);
    f.conf.acme_server_url = (char *)SERVER_CONF_LETSENCRYPT;
    f.conf.authorities = (struct conf_table){&row, 1};
    data = control_json_limits(f.ledger, &f.conf, NULL, false, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    found = row_of(data, "failures");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(found, "authority")), "other");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(found, "next")),
                           "2027-01-15T09:00:05Z");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(found, "limit")), 3);
    CU_ASSERT_TRUE(json_is_null(json_object_get(found, "text")));
    found = row_of(data, "delay");
    CU_ASSERT_TRUE(json_is_null(json_object_get(found, "authority")));
    CU_ASSERT_TRUE(json_is_null(json_object_get(found, "limit")));
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(found, "text")), "NXDOMAIN");
    json_decref(data);
    data = control_json_limits(f.ledger, &f.conf, "WWW.Example.Org.", true, &err);
    CU_ASSERT_TRUE(json_is_true(json_object_get(data, "forgotten")));
    json_decref(data);
    CU_ASSERT_PTR_NULL(control_json_limits(f.ledger, &f.conf, "www.example.org", true, &err));
    CU_ASSERT_EQUAL(err.code, ERR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(control_json_limits(f.ledger, &f.conf, "no name", false, &err));
    ledger_fixture_tear_down(&f);
}

/* A store that is not there: its words, and no answer that looks like one. */
static void test_lost(void)
{
    const struct err why = {.code = -EIO, .text = "the disk is gone"};
    struct ledger_fixture f;
    struct err err = {0};
    int64_t retry_at;
    char *names[] = {(char *)"www.example.org"};

    ledger_fixture_set_up(&f);
    ledger_fixture_close(&f);
    CU_ASSERT_EQUAL_FATAL(store_open_lost(&f.store, "lost.db", &why), 0);
    CU_ASSERT_EQUAL_FATAL(ledger_new(&f.ledger, f.store, &f.clock, NULL, &err), 0);
    const struct ledger_order order = ledger_order_of(&f.other, names, 1);

    CU_ASSERT(ledger_check(f.ledger, &order, &retry_at, &err) < 0);
    CU_ASSERT_NOT_EQUAL(err.code, ERR_LATER);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "the disk is gone"));
    CU_ASSERT_PTR_NULL(control_json_limits(f.ledger, &f.conf, NULL, false, &err));
    CU_ASSERT(ledger_forget(f.ledger, &f.all, "www.example.org", &err) < 0);
    ledger_ordered(f.ledger, &order);
    ledger_issued(f.ledger, &order);
    ledger_fixture_tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"all", test_all},   {"one name", test_one_name}, {"gone", test_gone},
        {"JSON", test_json}, {"lost", test_lost},
    };

    return RUN("ledger show", tests);
}

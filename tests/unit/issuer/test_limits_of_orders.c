/*
 * What orders mean for limits, where it is counted: by the desk at their end (issuer/desk_ledger.c)
 * and by the intake when they are taken (issuer/intake_limits.c).
 */
#include <CUnit/Basic.h>

#include "issuer/desk_priv.h"
#include "issuer/intake_priv.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/ledger_fixture.h"
#include "tests/unit/issuer/order_lab.h"

static struct server_conf_authority row = {.name = (char *)"other",
                                           .directory = (char *)"https://other.example/dir",
                                           .limit_orders = 10,
                                           .limit_domain = 4,
                                           .limit_exact = 2,
                                           .limit_failures = 3};

/* A run by hand: what desk_ledger.c looks at. */
struct by_hand {
    struct ledger_fixture f;
    struct desk desk;
    struct desk_ca ca;
    struct desk_run run;
    struct lab *lab;
};

static void set_up(struct by_hand *h, struct lab *lab)
{
    memset(h, 0, sizeof *h);
    ledger_fixture_set_up(&h->f);
    h->f.conf.acme_server_url = (char *)SERVER_CONF_LETSENCRYPT;
    h->f.conf.authorities = (struct conf_table){&row, 1};
    h->desk.opt.conf = &h->f.conf;
    h->desk.opt.ledger = h->f.ledger;
    h->ca.url = (char *)"https://other.example/dir";
    h->run.desk = &h->desk;
    h->run.ca = &h->ca;
    h->lab = lab;
    h->run.order = lab->order;
}

static void tear_down(struct by_hand *h)
{
    free(h->run.limited);
    lab_free(h->lab);
    ledger_fixture_tear_down(&h->f);
}

static void note(void *arg, const struct ledger_row *shown)
{
    char *text = arg;
    size_t len = strlen(text);

    if (shown->used > 0 || strcmp(shown->what, "told") == 0) {
        (void)snprintf(text + len, 1024 - len, "%s %s %lld;", shown->what,
                       shown->subject != NULL ? shown->subject : "-", (long long)shown->used);
    }
}

/* "what subject used;" of all that is counted. */
static const char *counted(const struct by_hand *h)
{
    static char text[1024];
    struct authorities all;
    struct err err = {0};

    text[0] = '\0';
    authorities_read(&all, &h->f.conf);
    CU_ASSERT_EQUAL(ledger_each(h->f.ledger, &all, &h->f.conf, NULL, note, text, &err), 0);
    return text;
}

static void fail(struct by_hand *h, enum order_failure failure, const char *problem,
                 const char *text)
{
    const struct order_action action = {
        .kind = ORDER_ACT_FINISH, .failure = failure, .problem = problem, .text = text};

    desk_ledger_failed(&h->run, &action);
}

/* However often the store is asked to take its end. */
static void test_issued_once(void)
{
    struct by_hand h;

    set_up(&h, lab_new("*.example.org,www.example.org"));
    desk_ledger_issued(&h.run);
    desk_ledger_issued(&h.run);
    CU_ASSERT_STRING_EQUAL(counted(&h),
                           "domain example.org 1;exact *.example.org,www.example.org 1;");
    tear_down(&h);
}

static void test_renewal(void)
{
    struct by_hand h;

    set_up(&h, lab_new_with(&(struct lab_options){.names = "a.example", .replaces = "aki.serial"}));
    desk_ledger_issued(&h.run);
    CU_ASSERT_STRING_EQUAL(counted(&h), "exact a.example 1;");
    tear_down(&h);
}

/* A CA that is configured no more counts nothing, and breaks nothing; nor does no ledger. */
static void test_unknown_ca(void)
{
    struct by_hand h;

    set_up(&h, lab_new("a.example"));
    h.ca.url = (char *)"https://gone.example/dir";
    desk_ledger_issued(&h.run);
    CU_ASSERT_STRING_EQUAL(counted(&h), "");
    h.run.counted = false;
    h.desk.opt.ledger = NULL;
    desk_ledger_issued(&h.run);
    fail(&h, ORDER_REFUSED_CA, "rateLimited", "no");
    CU_ASSERT_PTR_NULL(h.run.limited);
    tear_down(&h);
}

static struct lab *invalid(void)
{
    struct lab *lab = lab_validating();

    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "wrong value"));
    CU_ASSERT_TRUE(lab->finished);
    return lab;
}

static void test_invalid(void)
{
    struct by_hand h;

    set_up(&h, invalid());
    fail(&h, ORDER_REFUSED_CA, NULL, "a.example: wrong value");
    fail(&h, ORDER_REFUSED_CA, NULL, "a.example: wrong value");
    CU_ASSERT_STRING_EQUAL(counted(&h), "failures a.example 1;delay a.example 1;");
    tear_down(&h);
}

/* The first try failed at the CA's resolver, the second worked: the CA has counted one. */
static void test_second_chance(void)
{
    struct lab *lab = lab_validating();
    struct order_action post = {.kind = ORDER_ACT_POST};
    struct by_hand h;

    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "SERVFAIL"));
    set_up(&h, lab);
    CU_ASSERT_FALSE(lab->finished);
    h.run.actions = &post;
    h.run.action_count = 1;
    desk_ledger_ordered(&h.run);
    CU_ASSERT_STRING_EQUAL(counted(&h), ""); /* by who took it */
    desk_ledger_ordered(&h.run);
    CU_ASSERT_STRING_EQUAL(counted(&h), "orders - 1;");
    post.url = "https://other.example/authz";
    desk_ledger_ordered(&h.run);
    desk_ledger_issued(&h.run);
    CU_ASSERT_STRING_EQUAL(counted(&h),
                           "orders - 1;domain a.example 1;exact a.example 1;failures a.example 1;");
    tear_down(&h);
}

/* RFC 8555 6.7: about names, but without an authorization: those that it mentions, else all. */
static void test_about_names(void)
{
    struct by_hand h;

    set_up(&h, lab_new("a.example,b.example"));
    fail(&h, ORDER_REFUSED_CA, "rejectedIdentifier", "b.example is on a list");
    CU_ASSERT_STRING_EQUAL(counted(&h), "failures b.example 1;delay b.example 1;");
    h.run.counted = false;
    fail(&h, ORDER_REFUSED_CA, "caa", "somebody forbids it");
    CU_ASSERT_PTR_NOT_NULL(strstr(counted(&h), "failures a.example 1;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(counted(&h), "failures b.example 2;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(counted(&h), "delay a.example 1;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(counted(&h), "delay b.example 2;"));
    tear_down(&h);
}

/* What is no name's fault. */
static void test_nobodys_fault(void)
{
    struct by_hand h;

    set_up(&h, lab_new("a.example"));
    fail(&h, ORDER_REFUSED_CA, "userActionRequired", "new terms");
    h.run.counted = false;
    fail(&h, ORDER_UNAVAILABLE_CA, NULL, "away");
    fail(&h, ORDER_INTERRUPTED, NULL, "stopped");
    h.run.reason = (char *)"our own";
    fail(&h, ORDER_REFUSED_CA, "caa", "a.example");
    CU_ASSERT_STRING_EQUAL(counted(&h), "");
    CU_ASSERT_FALSE(h.run.counted);
    tear_down(&h);
}

static void test_limited(void)
{
    struct by_hand h;

    set_up(&h, lab_new("a.example"));
    fail(&h, ORDER_REFUSED_CA, "rateLimited", "too many new orders");
    CU_ASSERT_EQUAL(h.run.limited_until, LEDGER_T0 + LEDGER_TOLD);
    CU_ASSERT_STRING_EQUAL(h.run.limited,
                           "too many new orders; try again at 2027-01-15 09:00:00 UTC");
    CU_ASSERT_STRING_EQUAL(counted(&h), "told - 0;");
    tear_down(&h);
}

/* -- the intake's part -- */

struct taking {
    struct by_hand h;
    struct intake intake;
    struct intake_job job;
    struct desk_request request;
    char *names[1];
};

static void take(struct taking *t)
{
    memset(t, 0, sizeof *t);
    set_up(&t->h, lab_new("a.example"));
    t->intake.opt.conf = &t->h.f.conf;
    t->intake.opt.ledger = t->h.f.ledger;
    authorities_read(&t->intake.authorities, &t->h.f.conf);
    t->names[0] = (char *)"a.example";
    t->job.intake = &t->intake;
    t->job.csr.names = t->names;
    t->job.csr.count = 1;
    t->job.client = (char *)"web";
    t->request.directory_url = "https://other.example/dir";
}

static int ask(struct taking *t, int64_t *retry_at, bool *next)
{
    struct err err = {0};

    *retry_at = 0;
    return intake_limits(&t->job, &t->request, retry_at, next, &err);
}

/* A client's requests count once, at however many CAs the order is tried. */
static void test_requests(void)
{
    struct taking t;
    int64_t retry_at;
    bool next;

    take(&t);
    for (int i = 0; i < 3; i++) {
        t.job.counted = false;
        CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), 0);
        intake_count(&t.job, &t.request);
        intake_count(&t.job, &t.request);
    }
    CU_ASSERT_STRING_EQUAL(counted(&t.h), "orders - 6;requests web 3;");
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), 0);
    t.job.counted = false;
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), ERR_LATER);
    CU_ASSERT_FALSE(next);
    CU_ASSERT(retry_at > LEDGER_T0);
    t.job.client = (char *)"nobody";
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), 0);
    tear_down(&t.h);
}

/* What one CA would refuse another may take, but not a name that is to wait. */
static void test_next(void)
{
    struct taking t;
    int64_t retry_at;
    bool next;

    take(&t);
    for (int i = 0; i < 10; i++) {
        intake_count(&t.job, &t.request);
    }
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), ERR_LATER);
    CU_ASSERT_TRUE(next);
    t.request.replaces = "aki.serial";
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), 0);
    for (int i = 0; i < 3; i++) {
        ledger_failed(t.h.f.ledger, &t.h.f.le, "a.example", NULL);
    }
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), ERR_LATER);
    CU_ASSERT_FALSE(next);
    CU_ASSERT_EQUAL(retry_at, LEDGER_T0 + LEDGER_DELAY_FIRST);
    t.intake.opt.ledger = NULL;
    CU_ASSERT_EQUAL(ask(&t, &retry_at, &next), 0);
    intake_count(&t.job, &t.request);
    tear_down(&t.h);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"issued once", test_issued_once},
        {"renewal (RFC 9773 5)", test_renewal},
        {"unknown CA", test_unknown_ca},
        {"invalid", test_invalid},
        {"second chance", test_second_chance},
        {"about names (RFC 8555 6.7)", test_about_names},
        {"nobody's fault", test_nobodys_fault},
        {"limited", test_limited},
        {"requests", test_requests},
        {"next", test_next},
    };

    return RUN("limits of orders", tests);
}

/* When the CA is asked: by what it has taken lately, and by its own Retry-After (RFC 8555 7.5.1).
 */
#include "order_lab.h"

#include <CUnit/Basic.h>

static void test_learn(void)
{
    struct order_estimate estimate = {0};

    order_estimate_learn(&estimate, &(struct order_estimate){0});
    CU_ASSERT_EQUAL(estimate.verdict_ms, 0);
    order_estimate_learn(&estimate, &(struct order_estimate){.verdict_ms = 1000});
    CU_ASSERT_EQUAL(estimate.verdict_ms, 1000); /* the first counts whole */
    CU_ASSERT_EQUAL(estimate.validate_ms, 0);
    order_estimate_learn(&estimate, &(struct order_estimate){.verdict_ms = 2000});
    CU_ASSERT_EQUAL(estimate.verdict_ms, 1250);
    order_estimate_learn(&estimate, &(struct order_estimate){.issue_ms = 600000});
    CU_ASSERT_EQUAL(estimate.issue_ms, 10000); /* one slow day */
    CU_ASSERT_EQUAL(estimate.verdict_ms, 1250);
    for (int i = 0; i < 100; i++)
        order_estimate_learn(&estimate, &(struct order_estimate){.issue_ms = 1});
    CU_ASSERT(estimate.issue_ms <= 3);
}

/* A CA on a clock of the test. */
struct ca {
    unsigned validate, issue; /* ms that it takes */
    unsigned polls;
};

static void tick(struct lab *lab)
{
    CU_ASSERT_FATAL(lab->timer_ms > 0);
    lab->mono_ms += lab->timer_ms;
    lab_tick(lab);
}

static void poll(struct lab *lab, struct ca *ca, int64_t due, const char *before, const char *after)
{
    while (!lab->finished && lab_open(lab, "/order")) {
        bool ready = lab->mono_ms >= due;
        ca->polls++;
        lab_answer(lab, "/order", 200, lab_order("a.example", ready ? after : before, ""));
        if (lab_open(lab, "/authz/0"))
            lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
        if (ready)
            return;
        tick(lab);
    }
}

/* One order; returns how much longer it took than the CA itself. */
static int64_t order_at(struct ca *ca, struct order_estimate *estimate)
{
    struct lab *lab = lab_new_with(
        &(struct lab_options){.names = "a.example", .estimate = *estimate, .mono_ms = 1000000});
    int64_t start;

    ca->polls = 0;
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab->mono_ms += 5;
    start = lab->mono_ms;
    lab_seen(lab, "a.example", 1);
    tick(lab);
    poll(lab, ca, start + ca->validate, "pending", "ready");
    int64_t finalized = lab->mono_ms;
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "processing", ""));
    tick(lab);
    poll(lab, ca, finalized + ca->issue, "processing", "valid");
    int64_t late = lab->mono_ms - start - ca->validate - ca->issue;
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    CU_ASSERT_FATAL(lab->finished && lab->failure == ORDER_OK);
    CU_ASSERT(lab->measured.verdict_ms >= ca->validate / 2);
    CU_ASSERT(lab->measured.validate_ms >= ca->validate + 5);
    CU_ASSERT(lab->measured.issue_ms >= ca->issue / 2);
    order_estimate_learn(estimate, &lab->measured);
    lab_free(lab);
    return late;
}

/* Few questions, and not much later than could be, at fast CAs and slow ones; also when a CA
 * becomes another. */
static void test_converges(void)
{
    static const unsigned times[][2] = {{1, 1},       {40, 5}, {800, 300},
                                        {2500, 1200}, {3, 2},  {6000, 1}};
    struct order_estimate estimate = {0};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct ca ca = {.validate = times[i][0], .issue = times[i][1]};
        unsigned polls = 0;
        int64_t late = 0;

        for (int n = 0; n < 30; n++)
            (void)order_at(&ca, &estimate);
        for (int n = 0; n < 10; n++) {
            late += order_at(&ca, &estimate);
            polls += ca.polls;
        }
        CU_ASSERT(polls <= 10 * 7);
        CU_ASSERT(late <= 10 * (int64_t)(20 + (ca.validate + ca.issue) / 4));
        if (polls > 70 || late > 10 * (int64_t)(20 + (ca.validate + ca.issue) / 4))
            fprintf(stderr, "CA of %u and %u ms: %u polls, %lld ms late, of 10 orders\n",
                    ca.validate, ca.issue, polls, (long long)late);
    }
}

/* What the CA's own Retry-After ruled says nothing about the CA. */
static void test_retry_after_is_not_learnt(void)
{
    struct lab *lab = lab_new_with(&(struct lab_options){.names = "a.example", .mono_ms = 1000});

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_seen(lab, "a.example", 1);
    tick(lab);
    lab_answer_event(lab, "/order",
                     (struct order_event){.status = 200,
                                          .body = lab_order("a.example", "pending", ""),
                                          .retry_after_ms = 3000});
    CU_ASSERT_EQUAL(lab->timer_ms, 3000);
    tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    lab_answer_event(lab, "/finalize",
                     (struct order_event){.status = 200,
                                          .body = lab_order("a.example", "processing", ""),
                                          .retry_after_ms = 2000});
    CU_ASSERT_EQUAL(lab->timer_ms, 2000);
    tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK);
    CU_ASSERT(lab->measured.verdict_ms == 0 && lab->measured.validate_ms == 0 &&
              lab->measured.issue_ms == 0);
    lab_free(lab);
}

/* Before anybody was seen asking, the estimate is a reason to wait, not to ask. */
static void test_blind(void)
{
    struct lab *lab =
        lab_new_with(&(struct lab_options){.names = "a.example",
                                           .estimate = {.validate_ms = 1700, .verdict_ms = 1600},
                                           .mono_ms = 1000});

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    CU_ASSERT_EQUAL(lab->timer_ms, 1700);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_seen(lab, "a.example", 1);
    CU_ASSERT_EQUAL(lab->timer_ms, 1200);
    tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
    CU_ASSERT_EQUAL(lab->timer_ms, 200);
    tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "pending", ""));
    CU_ASSERT_EQUAL(lab->timer_ms, 400);
    lab_free(lab);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order pace", NULL, NULL);
    CU_ADD_TEST(suite, test_learn);
    CU_ADD_TEST(suite, test_converges);
    CU_ADD_TEST(suite, test_retry_after_is_not_learnt);
    CU_ADD_TEST(suite, test_blind);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

/*
 * What becomes of a request after what a CA said: the next one, once more, or the end.
 */
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/intake_fixture.h"

/* What sends a job to the next CA (the first of two) and what does not. */
static void test_fallback(void)
{
    static const struct {
        struct desk_result result;
        bool next;
    } cases[] = {
        {{.failure = ORDER_UNAVAILABLE_CA, .text = "x"}, true},
        {{.failure = ORDER_REFUSED_CA, .problem = "rateLimited", .text = "x"}, true},
        {{.failure = ORDER_REFUSED_CA,
          .problem = "urn:ietf:params:acme:error:rateLimited",
          .text = "x"},
         true},
        {{.failure = ORDER_REFUSED_CA, .problem = "userActionRequired", .text = "x"}, true},
        {{.failure = ORDER_REFUSED_CA, .problem = "caa", .text = "x"}, false},
        {{.failure = ORDER_REFUSED_CA, .problem = "rejectedIdentifier", .text = "x"}, false},
        {{.failure = ORDER_REFUSED_CA, .text = "x"}, false},
        {{.failure = ORDER_INTERRUPTED, .text = "x"}, false},
        {{.failure = ORDER_BROKEN, .text = "x"}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        struct client client;

        set_up(&f);
        ask(&f, &client);
        finish(&f, 0, cases[i].result);
        CU_ASSERT_EQUAL(f.desk.count, cases[i].next ? 2 : 1);
        CU_ASSERT_EQUAL(client.dones, !cases[i].next);
        if (cases[i].next) {
            CU_ASSERT_STRING_EQUAL(client.said,
                                   "first does not issue: x; the order goes to second");
            CU_ASSERT_STRING_EQUAL(f.desk.taken[1].directory, SECOND);
            finish(&f, 1, (struct desk_result){.chain = "chain"});
            CU_ASSERT_STRING_EQUAL(client.chain, "chain");
        }
        tear_down(&f);
    }
}

/* Twice at the one, twice at the other. */
static void test_own_failures(void)
{
    const struct desk_result own = {
        .failure = ORDER_REFUSED_CA, .problem = "serverInternal", .text = "no disk"};
    struct fixture f;
    struct client client;

    set_up(&f);
    ask(&f, &client);
    finish(&f, 0, own);
    CU_ASSERT_STRING_EQUAL(client.said, "first does not issue: no disk; once more at first");
    finish(&f, 1, own);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[1].directory, FIRST);
    CU_ASSERT_STRING_EQUAL_FATAL(f.desk.taken[2].directory, SECOND);
    finish(&f, 2, own);
    finish(&f, 3, own);
    CU_ASSERT_STRING_EQUAL(f.desk.taken[3].directory, SECOND);
    CU_ASSERT_EQUAL(f.desk.count, 4);
    CU_ASSERT_EQUAL(client.dones, 1);
    CU_ASSERT_STRING_EQUAL(client.text, "no disk");
    tear_down(&f);
}

/* Where all CAs are limited, time and sentence are of the one that will do again first. */
static void test_earliest_time(void)
{
    static const int64_t times[][2] = {{900, 1000}, {1000, 900}, {900, 900}};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct desk_result limited = {.failure = ORDER_REFUSED_CA,
                                      .problem = "rateLimited",
                                      .text = "many at first",
                                      .retry_at = times[i][0]};
        struct fixture f;
        struct client client;

        set_up(&f);
        ask(&f, &client);
        finish(&f, 0, limited);
        limited.text = "many at second";
        limited.retry_at = times[i][1];
        finish(&f, 1, limited);
        CU_ASSERT_EQUAL(client.dones, 1);
        CU_ASSERT_EQUAL(client.result.retry_at, 900);
        CU_ASSERT_EQUAL(client.result.failure, ORDER_REFUSED_CA);
        CU_ASSERT_STRING_EQUAL(client.text, i == 1 ? "many at second" : "many at first");
        tear_down(&f);
    }
}

/* What the last CA says is told as what it is, though another one named a time. */
static void test_not_later(void)
{
    static const struct desk_result limited = {.failure = ORDER_REFUSED_CA,
                                               .problem = "rateLimited",
                                               .text = "many orders",
                                               .retry_at = 900},
                                    ends[] = {
                                        {.failure = ORDER_REFUSED_CA,
                                         .problem = "rejectedIdentifier",
                                         .text = "not this name"},
                                        {.failure = ORDER_UNAVAILABLE_CA, .text = "not there"},
                                        {.failure = ORDER_BROKEN, .code = ERR_POLICY, .text = "x"},
                                    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char expected[128];
        struct fixture f;
        struct client client;

        set_up(&f);
        ask(&f, &client);
        finish(&f, 0, limited);
        finish(&f, 1, ends[i]);
        CU_ASSERT_EQUAL(client.dones, 1);
        CU_ASSERT_EQUAL(client.result.retry_at, 0);
        CU_ASSERT_EQUAL(client.result.failure, ends[i].failure);
        CU_ASSERT_EQUAL(client.result.code, ends[i].code);
        (void)snprintf(expected, sizeof expected, "second: %s (first is limited: many orders)",
                       ends[i].text);
        CU_ASSERT_STRING_EQUAL(client.text, expected);
        tear_down(&f);
    }
}

int main(void)
{
    static const struct run_case tests[] = {
        {"the next CA", test_fallback},
        {"a CA's own failures", test_own_failures},
        {"the earliest time", test_earliest_time},
        {"not later, where it is something else", test_not_later},
    };
    return RUN("intake settle", tests);
}

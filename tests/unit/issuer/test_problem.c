/* The CA's errors in words, and the text builder below it. */
#include "issuer/problem.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/ajson.h"
#include "issuer/say.h"

static void says(const char *body, const struct problem_context *context, const char *type,
                 const char *text)
{
    struct problem problem;

    CU_ASSERT_FATAL(problem_parse(&problem, body, strlen(body), context) == 0);
    CU_ASSERT_STRING_EQUAL(problem.type, type);
    if (strcmp(problem.text, text) != 0) {
        fprintf(stderr, "wanted: %s\ngot:    %s\n", text, problem.text);
        CU_FAIL("other words");
    }
    CU_ASSERT(problem_is(&problem, type));
    CU_ASSERT(!problem_is(&problem, "badNonce") || strcmp(type, "badNonce") == 0);
    problem_clear(&problem);
}

static void test_documents(void)
{
    const struct problem_context plain = {.status = 400, .retry_after_ms = -1};

    says("{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"old\"}", &plain,
         "badNonce", "badNonce: old (HTTP 400)");
    says("{\"type\":\"urn:ietf:params:acme:error:malformed\"}", &plain, "malformed",
         "malformed (HTTP 400)");
    says("{\"detail\":\"just so\"}", &plain, "", "just so (HTTP 400)");
    says("{\"type\":\"about:blank\",\"title\":\"Bad\",\"detail\":7}", &plain, "", "Bad (HTTP 400)");
    says("{\"type\":\"https://ca.test/errors#9\",\"title\":\"Odd\"}", &plain,
         "https://ca.test/errors#9", "https://ca.test/errors#9: Odd (HTTP 400)");
    says("{}", &plain, "", "HTTP 400, without saying why");
    says("", &plain, "", "HTTP 400, without saying why");
    says("<html>\n<body>", &plain, "", "HTTP 400, without saying why");
    says("{\"type\":[],\"detail\":{}}", &plain, "", "an error without type or detail (HTTP 400)");
}

static void test_hostile(void)
{
    const struct problem_context plain = {.status = 400, .retry_after_ms = -1};

    says("{\"type\":\"urn:ietf:params:acme:error:\\u001b]0;x\\u0007\",\"detail\":\"a\\r\\n\\tb "
         "\\u009b31m\\u007f c\\u00e9\"}",
         &plain, "]0;x", "]0;x: a b 31m c\xc3\xa9 (HTTP 400)");
    char *body = malloc(200000);
    size_t len = (size_t)sprintf(body, "{\"detail\":\"");
    memset(body + len, 'x', 100000);
    strcpy(body + len + 100000, "\"}");
    struct problem problem;
    CU_ASSERT(problem_parse(&problem, body, strlen(body), &plain) == 0);
    CU_ASSERT(strlen(problem.text) < LIMIT_PROBLEM_DETAIL + 40);
    problem_clear(&problem);
    memset(body, '[', 199999);
    body[199999] = '\0';
    CU_ASSERT(problem_parse(&problem, body, 199999, &plain) == 0);
    problem_clear(&problem);
    free(body);
}

static void test_subproblems(void)
{
    const struct problem_context plain = {.status = 403, .retry_after_ms = -1};
    char body[32768] = "{\"type\":\"urn:ietf:params:acme:error:compound\",\"subproblems\":[7";
    struct problem problem;

    says("{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"some\","
         "\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\","
         "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\\n\"}},{\"detail\":\"x\"}]}",
         &plain, "rejectedIdentifier",
         "rejectedIdentifier: some (HTTP 403)\n  a.example: caa: no\n  x");
    for (int i = 0; i < 150; i++)
        strcat(body, ",{\"detail\":\"one more\"}");
    strcat(body, "]}");
    CU_ASSERT(problem_parse(&problem, body, strlen(body), &plain) == 0);
    CU_ASSERT(strstr(problem.text, "\n  and 51 more") != NULL);
    problem_clear(&problem);
}

static void test_retry_after(void)
{
    static const char body[] =
        "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"slow down\"}";

    says(body, &(struct problem_context){.status = 429, .retry_after_ms = 90000}, "rateLimited",
         "rateLimited: slow down (HTTP 429); the CA asks to wait 90 s");
    setenv("TZ", "UTC", 1);
    says(body, &(struct problem_context){.status = 429, .retry_after_ms = 90000, .now = 1900000000},
         "rateLimited",
         "rateLimited: slow down (HTTP 429); the CA asks to wait until 2030-03-17 17:48:10 +0000");
}

static void test_of_a_challenge(void)
{
    struct problem problem;
    json_t *object = json_pack("{s:s,s:s,s:i}", "type", "urn:ietf:params:acme:error:dns", "detail",
                               "NXDOMAIN", "status", 400);

    CU_ASSERT(problem_from_json(&problem, object) == 0);
    CU_ASSERT_STRING_EQUAL(problem.text, "dns: NXDOMAIN (status 400)");
    problem_clear(&problem);
    problem_clear(&problem);
    CU_ASSERT(problem_from_json(&problem, NULL) == 0);
    CU_ASSERT_STRING_EQUAL(problem.text, "no reason given");
    problem_clear(&problem);
    json_decref(object);
}

static void test_say(void)
{
    struct say say;

    say_init(&say, 10);
    char *text = say_take(&say);
    CU_ASSERT_STRING_EQUAL(text, "");
    free(text);
    say_add(&say, "%s %d", "abc", 1234567890);
    say_add(&say, "more");
    say_add_foreign(&say, "and more", 100);
    text = say_take(&say);
    CU_ASSERT_STRING_EQUAL(text, "abc 123456");
    free(text);
    say_add_foreign(&say, " \n a\302\205b \302", 7);
    text = say_take(&say);
    CU_ASSERT_STRING_EQUAL(text, "a b");
    free(text);
    /* never half a character, whatever cuts it; foreign bytes that are none become ? */
    say_add_foreign(&say, "x\303\251", 2);
    say_add_foreign(&say, "\377\303+", 9);
    say_add(&say, "12345\303\251");
    text = say_take(&say);
    CU_ASSERT_STRING_EQUAL(text, "x???+12345");
    free(text);
}

static void test_json(void)
{
    char text[128];
    json_t *root;

    CU_ASSERT(ajson_parse(NULL, 0) == NULL);
    CU_ASSERT(ajson_parse("[]", 2) == NULL);
    CU_ASSERT(ajson_parse("{\"a\":1,\"a\":2}", 13) == NULL);
    CU_ASSERT(ajson_parse("{} {}", 5) == NULL);
    CU_ASSERT(ajson_parse("{\"a\":\"\\u0000\"}", 14) == NULL);
    CU_ASSERT(ajson_parse("{\"a\":\"\xff\"}", 9) == NULL);
    snprintf(text, sizeof(text), "{\"a\":%.*s%.*s}", LIMIT_JSON_DEPTH, "[[[[[[[[[[[[[[[[[[[[",
             LIMIT_JSON_DEPTH, "]]]]]]]]]]]]]]]]]]]]");
    CU_ASSERT(ajson_parse(text, strlen(text)) == NULL);
    const char *tricky = "{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"[\",\"u\":\"https://a\",\"e\":\"\"}";
    root = ajson_parse(tricky, strlen(tricky));
    CU_ASSERT_FATAL(root != NULL);
    CU_ASSERT(ajson_string(root, "a", 100) != NULL && ajson_string(root, "a", 3) == NULL);
    CU_ASSERT(ajson_string(root, "e", 9) == NULL && ajson_string(root, "no", 9) == NULL);
    CU_ASSERT(ajson_url(root, "u") != NULL && ajson_url(root, "a") == NULL);
    json_decref(root);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("problem", NULL, NULL);
    CU_ADD_TEST(suite, test_documents);
    CU_ADD_TEST(suite, test_hostile);
    CU_ADD_TEST(suite, test_subproblems);
    CU_ADD_TEST(suite, test_retry_after);
    CU_ADD_TEST(suite, test_of_a_challenge);
    CU_ADD_TEST(suite, test_say);
    CU_ADD_TEST(suite, test_json);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}

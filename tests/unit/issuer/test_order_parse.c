/* Orders and authorizations as CAs write them (RFC 8555 7.1.3, 7.1.4, 8), and as they should not.
 */
#include "issuer/order_parse.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/common/run.h"

#define IDS   "\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}]"
#define AUTHZ "\"authorizations\":[\"https://ca.test/1\"]"
#define FIN   "\"finalize\":\"https://ca.test/f\""

static void order_is(const char *body, int code, const char *words)
{
    struct order_object object;
    struct err err = {0};
    int ret = order_object_parse(&object, body, strlen(body), &err);

    CU_ASSERT_EQUAL(ret, code);
    if (strstr(err.text, words) == NULL) {
        fprintf(stderr, "wanted \"%s\" in: %s\n", words, err.text);
        CU_FAIL("the reason is another");
    }
    CU_ASSERT(ret == 0 || (object.names == NULL && object.finalize == NULL));
    order_object_clear(&object);
}

static void test_orders(void)
{
    order_is("{\"status\":\"pending\"," IDS "," AUTHZ "," FIN "}", 0, "");
    /* what nobody knows is passed over: CAs add members */
    order_is("{\"status\":\"ready\"," IDS "," AUTHZ "," FIN
             ",\"expires\":7,\"notBefore\":null,\"profile\":\"x\",\"replaces\":{},\"odd\":[[]]}",
             0, "");
    order_is("{\"status\":\"processing\"," IDS "," AUTHZ "," FIN ",\"certificate\":null}", 0, "");
    order_is("", ERR_MALFORMED, "not a JSON object");
    order_is("[]", ERR_MALFORMED, "not a JSON object");
    order_is("{}", ERR_MALFORMED, "status is missing");
    order_is("{\"status\":7}", ERR_MALFORMED, "status is missing");
    order_is("{\"status\":\"ready\"}", ERR_MALFORMED, "identifiers are missing");
    order_is("{\"status\":\"ready\",\"identifiers\":[]}", ERR_MALFORMED, "identifiers are missing");
    order_is("{\"status\":\"ready\",\"identifiers\":[{\"type\":\"ip\",\"value\":\"::1\"}]}",
             ERR_MALFORMED, "no DNS name");
    order_is("{\"status\":\"ready\",\"identifiers\":[7]}", ERR_MALFORMED, "no DNS name");
    order_is("{\"status\":\"ready\"," IDS "}", ERR_MALFORMED, "authorizations are missing");
    order_is("{\"status\":\"ready\"," IDS ",\"authorizations\":[7]}", ERR_MALFORMED,
             "has no https URL");
    order_is("{\"status\":\"ready\"," IDS ",\"authorizations\":[\"http://ca.test/1\"]}",
             ERR_MALFORMED, "has no https URL");
    order_is("{\"status\":\"ready\"," IDS "," AUTHZ "}", ERR_MALFORMED, "finalize is missing");
    order_is("{\"status\":\"valid\"," IDS "," AUTHZ "," FIN "}", ERR_MALFORMED,
             "no https URL of a certificate");
}

static void test_too_many(void)
{
    char *body = calloc(1, 65536);
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);

    strcpy(body, "{\"status\":\"ready\",\"identifiers\":[");
    for (int i = 0; i <= LIMIT_NAMES; i++)
        sprintf(body + strlen(body), "%s{\"type\":\"dns\",\"value\":\"n%d.example\"}",
                i > 0 ? "," : "", i);
    strcat(body, "]}");
    order_is(body, ERR_LIMIT, "more than 100 identifiers");
    strcpy(body, "{\"status\":\"ready\"," IDS ",\"authorizations\":[");
    for (int i = 0; i <= LIMIT_NAMES; i++)
        sprintf(body + strlen(body), "%s\"https://ca.test/%d\"", i > 0 ? "," : "", i);
    strcat(body, "]}");
    order_is(body, ERR_LIMIT, "more than 100 authorizations");
    free(body);
}

static void authz_is(const char *body, int code, const char *words)
{
    struct authz_object object;
    struct err err = {0};
    int ret = authz_object_parse(&object, ORDER_DNS_01, body, strlen(body), &err);

    CU_ASSERT_EQUAL(ret, code);
    if (strstr(err.text, words) == NULL) {
        fprintf(stderr, "wanted \"%s\" in: %s\n", words, err.text);
        CU_FAIL("the reason is another");
    }
    authz_object_clear(&object);
}

#define ID   "\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"}"
#define DNS1 "\"type\":\"dns-01\",\"url\":\"https://ca.test/c\""

static void test_authorizations(void)
{
    authz_is("{\"status\":\"pending\"," ID ",\"challenges\":[{" DNS1 ",\"token\":\"abc\"}]}", 0,
             "");
    authz_is("x", ERR_MALFORMED, "not a JSON object");
    authz_is("{\"status\":\"processing\"," ID ",\"challenges\":[]}", ERR_MALFORMED,
             "status is missing or unknown");
    authz_is("{\"status\":\"valid\",\"challenges\":[]}", ERR_MALFORMED,
             "identifier is no DNS name");
    authz_is("{\"status\":\"valid\",\"identifier\":{\"type\":\"ip\",\"value\":\"::1\"}}",
             ERR_MALFORMED, "identifier is no DNS name");
    authz_is("{\"status\":\"valid\"," ID "}", ERR_MALFORMED, "challenges are missing");
    authz_is("{\"status\":\"pending\"," ID ",\"challenges\":[{\"type\":\"dns-01\"}]}",
             ERR_MALFORMED, "dns-01 challenge has no https URL");
    authz_is("{\"status\":\"pending\"," ID ",\"challenges\":[{" DNS1 "}]}", ERR_MALFORMED,
             "token of its dns-01 challenge is missing");
    /* only what is pending has to be met; two of a kind: the first */
    authz_is("{\"status\":\"valid\"," ID ",\"challenges\":[{\"type\":\"dns-01\"}]}", 0, "");
    authz_is("{\"status\":\"pending\"," ID ",\"challenges\":[{" DNS1
             ",\"token\":\"abc\"},{\"type\":\"dns-01\"}]}",
             0, "");
    char *body = calloc(1, 65536);
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    strcpy(body, "{\"status\":\"pending\"," ID ",\"challenges\":[7");
    for (int i = 0; i < LIMIT_NAMES; i++)
        strcat(body, ",{}");
    strcat(body, "]}");
    authz_is(body, ERR_LIMIT, "more than 100 challenges");
    free(body);
}

/* RFC 8555 8.1: base64url, nothing else; it goes into a hash that others know how to make. */
static void test_tokens(void)
{
    static const struct {
        const char *token;
        int code;
    } cases[] = {{"DGyRejmCefe7v4NfDGDKfA", 0}, {"-_09azAZ", 0},        {"", ERR_MALFORMED},
                 {"abc=", ERR_MALFORMED},       {"a+b", ERR_MALFORMED}, {"a/b", ERR_MALFORMED},
                 {"a b", ERR_MALFORMED},        {"a.b", ERR_MALFORMED}, {"a\\n", ERR_MALFORMED},
                 {"\\u00e9", ERR_MALFORMED}};
    char body[1024], token[LIMIT_TOKEN + 2] = "";

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body,
                 "{\"status\":\"pending\"," ID ",\"challenges\":[{" DNS1 ",\"token\":\"%s\"}]}",
                 cases[i].token);
        authz_is(body, cases[i].code, cases[i].code == 0 ? "" : "not base64url");
    }
    memset(token, 'a', LIMIT_TOKEN);
    for (int more = 0; more < 2; more++) {
        snprintf(body, sizeof body,
                 "{\"status\":\"pending\"," ID ",\"challenges\":[{" DNS1 ",\"token\":\"%s\"}]}",
                 token);
        authz_is(body, more ? ERR_MALFORMED : 0, "");
        token[LIMIT_TOKEN] = 'a';
    }
}

/* RFC 8555 7.1.4 has no "*." in an identifier, but some CAs do. */
static void test_wildcards(void)
{
    static const char *const bodies[] = {
        "{\"status\":\"valid\",\"wildcard\":true," ID ",\"challenges\":[]}",
        "{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"*.a.example\"},"
        "\"challenges\":[]}"};

    for (int i = 0; i < 2; i++) {
        struct authz_object object;
        CU_ASSERT_EQUAL_FATAL(
            authz_object_parse(&object, ORDER_DNS_01, bodies[i], strlen(bodies[i]), NULL), 0);
        CU_ASSERT(object.wildcard && strcmp(object.domain, "a.example") == 0);
        authz_object_clear(&object);
    }
}

/* A failed challenge's error is the wanted one's where several have one. */
static void test_errors(void)
{
    static const char body[] =
        "{\"status\":\"invalid\"," ID ",\"challenges\":[{\"type\":\"http-01\",\"error\":{\"type\":"
        "\"urn:ietf:params:acme:error:connection\",\"detail\":\"refused\"}},{" DNS1
        ",\"error\":{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"NXDOMAIN\"}}]}";
    struct authz_object object;

    CU_ASSERT_EQUAL_FATAL(authz_object_parse(&object, ORDER_DNS_01, body, sizeof body - 1, NULL),
                          0);
    CU_ASSERT_STRING_EQUAL(object.problem, "dns: NXDOMAIN");
    CU_ASSERT_STRING_EQUAL(object.problem_type, "dns");
    CU_ASSERT_FALSE(object.problem_temporary);
    CU_ASSERT_STRING_EQUAL(object.offered, "http-01, dns-01");
    authz_object_clear(&object);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"orders", test_orders},
        {"too many", test_too_many},
        {"authorizations", test_authorizations},
        {"tokens", test_tokens},
        {"wildcards", test_wildcards},
        {"errors", test_errors},
    };

    return RUN("order objects", tests);
}

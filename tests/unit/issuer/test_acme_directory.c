/* The directory of a CA: RFC 8555 7.1.1, RFC 9773 3, draft-ietf-acme-profiles. */
#include "issuer/acme_directory.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#define NEEDED                                                                                     \
    "\"newNonce\":\"https://ca/n\",\"newAccount\":\"https://ca/a\",\"newOrder\":\"https://ca/o\""

static int parse(struct acme_directory *directory, const char *body, struct err *err)
{
    return acme_directory_parse(directory, body, strlen(body), err);
}

static void test_all(void)
{
    struct acme_directory d;
    struct err err = {0};

    CU_ASSERT_FATAL(
        parse(&d,
              "{" NEEDED ",\"revokeCert\":\"https://ca/r\",\"keyChange\":\"https://ca/k\","
              "\"renewalInfo\":\"https://ca/ari\",\"meta\":{\"termsOfService\":\"https://ca/tos\","
              "\"website\":\"https://ca/\",\"caaIdentities\":[\"ca.example\",\"ca.test\"],"
              "\"externalAccountRequired\":true,"
              "\"profiles\":{\"classic\":\"https://ca/p#classic\",\"shortlived\":\"6 days\"}}}",
              &err) == 0);
    CU_ASSERT_STRING_EQUAL(d.new_nonce, "https://ca/n");
    CU_ASSERT_STRING_EQUAL(d.revoke_cert, "https://ca/r");
    CU_ASSERT_STRING_EQUAL(d.key_change, "https://ca/k");
    CU_ASSERT_STRING_EQUAL(d.renewal_info, "https://ca/ari");
    CU_ASSERT_STRING_EQUAL(d.terms, "https://ca/tos");
    CU_ASSERT_STRING_EQUAL(d.website, "https://ca/");
    CU_ASSERT(d.external_account);
    CU_ASSERT(d.caa_count == 2 && strcmp(d.caa[1], "ca.test") == 0);
    CU_ASSERT(d.profile_count == 2 && strcmp(d.profiles[1].name, "shortlived") == 0);
    CU_ASSERT_STRING_EQUAL(d.profiles[1].description, "6 days");
    acme_directory_clear(&d);
}

static void test_least(void)
{
    struct acme_directory d;
    struct err err = {0};

    CU_ASSERT_FATAL(parse(&d, "{" NEEDED "}", &err) == 0);
    CU_ASSERT(d.revoke_cert == NULL && d.key_change == NULL && d.renewal_info == NULL);
    CU_ASSERT(d.terms == NULL && d.caa_count == 0 && d.profile_count == 0 && !d.external_account);
    acme_directory_clear(&d);
}

/* What is not needed and not as it should be counts as absent. */
static void test_odd(void)
{
    static const char *const bodies[] = {
        "{" NEEDED ",\"meta\":[]}",
        "{" NEEDED ",\"meta\":{\"caaIdentities\":\"ca.example\",\"profiles\":[1,2]}}",
        "{" NEEDED ",\"meta\":{\"caaIdentities\":[1,\"\",\"a b\",{}],\"profiles\":{\"\":\"x\","
        "\"a b\":\"x\",\"\\u00e9\":\"x\"},\"externalAccountRequired\":\"yes\"}}",
        "{" NEEDED ",\"renewalInfo\":\"http://ca/plain\",\"revokeCert\":7,\"keyChange\":null}",
    };
    struct acme_directory d;
    struct err err = {0};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        CU_ASSERT_FATAL(parse(&d, bodies[i], &err) == 0);
        CU_ASSERT(d.caa_count == 0 && d.profile_count == 0 && !d.external_account);
        CU_ASSERT(d.renewal_info == NULL && d.revoke_cert == NULL && d.key_change == NULL);
        acme_directory_clear(&d);
    }
    CU_ASSERT_FATAL(parse(&d, "{" NEEDED ",\"meta\":{\"profiles\":{\"p\":{\"x\":1}}}}", &err) == 0);
    CU_ASSERT(d.profile_count == 1);
    CU_ASSERT_STRING_EQUAL(d.profiles[0].description, "");
    acme_directory_clear(&d);
}

static void test_missing(void)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"newNonce\":\"https://ca/n\",\"newAccount\":\"https://ca/a\"}",
        "{\"newNonce\":\"ftp://c/n\",\"newAccount\":\"https://c/a\",\"newOrder\":\"https://c/o\"}",
    };
    struct acme_directory d;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct err err = {0};

        CU_ASSERT(parse(&d, bodies[i], &err) == ERR_MALFORMED && err.text[0] != '\0');
    }
}

static void test_bounds(void)
{
    char body[16384];
    struct acme_directory d;
    struct err err = {0};
    size_t len = (size_t)snprintf(body, sizeof(body), "{" NEEDED ",\"meta\":{\"profiles\":{");

    for (int i = 0; i < 2 * LIMIT_PROFILES; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "%s\"p%d\":\"x\"", i ? "," : "", i);
    len += (size_t)snprintf(body + len, sizeof(body) - len, "},\"caaIdentities\":[");
    for (int i = 0; i < 2 * LIMIT_CAA_IDENTITIES; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "%s\"c%d\"", i ? "," : "", i);
    snprintf(body + len, sizeof(body) - len, "]}}");
    CU_ASSERT_FATAL(parse(&d, body, &err) == 0);
    CU_ASSERT(d.profile_count == LIMIT_PROFILES && d.caa_count == LIMIT_CAA_IDENTITIES);
    acme_directory_clear(&d);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("acme_directory", NULL, NULL);
    CU_add_test(s, "all members", test_all);
    CU_add_test(s, "the least", test_least);
    CU_add_test(s, "odd members", test_odd);
    CU_add_test(s, "missing members", test_missing);
    CU_add_test(s, "bounds", test_bounds);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

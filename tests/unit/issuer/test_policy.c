#include "issuer/policy.h"

#include <CUnit/Basic.h>
#include <string.h>

#include "tests/unit/common/run.h"

#define PEBBLE "https://127.0.0.1:14000/dir"

static int permit(const char *domains, const char *a, const char *b, struct err *err)
{
    char *names[] = {(char *)a, (char *)b};
    struct csr csr = {.names = names, .count = b != NULL ? 2 : 1};

    *err = (struct err){0};
    return policy_names(domains, &csr, err);
}

static void test_names(void)
{
    struct err err;

    CU_ASSERT_EQUAL(permit("a.example;b.example,c.example", "b.example", "c.example", &err), 0);
    CU_ASSERT_EQUAL(permit("A.Example", "a.example", NULL, &err), 0);
    CU_ASSERT_EQUAL(permit("p\xc3\xb8lse.example", "xn--plse-gra.example", NULL, &err), 0);
    CU_ASSERT_EQUAL(permit("a.example;b.example", "a.example", "b.example", &err), ERR_POLICY);
    CU_ASSERT_STRING_NOT_EQUAL(err.text, "");
    CU_ASSERT_EQUAL(permit("a.example", "*.a.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "*.a.example"));
    CU_ASSERT_EQUAL(permit("*.a.example", "b.a.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_EQUAL(permit("", "a.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_EQUAL(permit(" ; ;", "a.example", NULL, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "CERTGRINDERD_DOMAINSETS"));
    CU_ASSERT(permit("a..example", "a.example", NULL, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "on the server"));
}

/* Which URL a request gets, or NULL where it is refused. */
static const char *directory(const char *configured, bool conf_staging, const char *asked,
                             bool staging)
{
    struct server_conf conf = {.acme_server_url = (char *)configured, .staging = conf_staging};
    struct err err = {0};
    const char *url;
    int ret = policy_directory(&conf, asked, staging, &url, &err);

    CU_ASSERT(ret == 0 || ret == ERR_POLICY);
    CU_ASSERT_EQUAL(ret == 0, err.text[0] == '\0');
    return ret == 0 ? url : NULL;
}

static void test_letsencrypt(void)
{
    const char *le = SERVER_CONF_LETSENCRYPT, *test = SERVER_CONF_LETSENCRYPT_STAGING;

    CU_ASSERT_STRING_EQUAL(directory(le, false, NULL, false), le);
    CU_ASSERT_STRING_EQUAL(directory(NULL, false, NULL, false), le);
    CU_ASSERT_STRING_EQUAL(directory(le, false, le, false), le);
    CU_ASSERT_STRING_EQUAL(directory(le, false, test, false), test);
    CU_ASSERT_STRING_EQUAL(directory(le, false, NULL, true), test);
    CU_ASSERT_STRING_EQUAL(directory(le, false, le, true), test);
    CU_ASSERT_STRING_EQUAL(directory(le, true, NULL, false), test);
    CU_ASSERT_PTR_NULL(directory(le, true, le, false)); /* the operator said staging */
    CU_ASSERT_STRING_EQUAL(directory(test, false, NULL, false), test);
    CU_ASSERT_PTR_NULL(directory(test, false, le, false));
    CU_ASSERT_PTR_NULL(directory(le, false, PEBBLE, false));
    CU_ASSERT_PTR_NULL(directory(le, false, "", false));
}

static void test_other_ca(void)
{
    CU_ASSERT_STRING_EQUAL(directory(PEBBLE, false, NULL, false), PEBBLE);
    CU_ASSERT_STRING_EQUAL(directory(PEBBLE, false, PEBBLE, false), PEBBLE);
    CU_ASSERT_PTR_NULL(directory(PEBBLE, false, NULL, true));
    CU_ASSERT_STRING_EQUAL(directory(PEBBLE, true, NULL, true), PEBBLE);
    CU_ASSERT_PTR_NULL(directory(PEBBLE, false, SERVER_CONF_LETSENCRYPT, false));
    CU_ASSERT_PTR_NULL(directory(PEBBLE, true, SERVER_CONF_LETSENCRYPT_STAGING, true));
}

int main(void)
{
    static const struct run_case tests[] = {
        {"names", test_names},
        {"Let's Encrypt", test_letsencrypt},
        {"another CA", test_other_ca},
    };
    return RUN("policy", tests);
}

#include "issuer/policy.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/common/run.h"

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

static bool fits(const char *pattern, const char *name)
{
    char *items[] = {(char *)"other.example", (char *)pattern};

    return policy_patterns(&(struct conf_strings){items, 2}, name);
}

static void test_patterns(void)
{
    CU_ASSERT(fits("*.Example.org", "a.example.org"));
    CU_ASSERT(fits("*.example.org", "b.a.example.org"));
    CU_ASSERT(fits("*.example.org", "*.example.org"));
    CU_ASSERT(fits("*.example.org", "*.a.example.org"));
    CU_ASSERT(fits("*.p\xc3\xb8lse.example", "a.xn--plse-gra.example"));
    CU_ASSERT_FALSE(fits("*.example.org", "example.org"));
    CU_ASSERT_FALSE(fits("*.example.org", "badexample.org"));
    CU_ASSERT_FALSE(fits("*.example.org", ".example.org.evil.example"));
    CU_ASSERT(fits("a.example", "a.example"));
    CU_ASSERT_FALSE(fits("a.example", "b.a.example"));
    CU_ASSERT_FALSE(fits("a.example", "*.a.example"));
    CU_ASSERT_FALSE(fits("a..example", "a.example"));
    CU_ASSERT_FALSE(policy_patterns(&(struct conf_strings){0}, "a.example"));
}

static int client_may(const struct server_conf_client *client, const char *a, const char *b,
                      const char *key_type, const char *profile, struct err *err)
{
    char *names[] = {(char *)a, (char *)b};
    struct csr csr = {.names = names, .count = b != NULL ? 2 : 1};

    *err = (struct err){0};
    (void)snprintf(csr.key_type, sizeof csr.key_type, "%s", key_type);
    return policy_client(client, &csr, profile, err);
}

static void test_client(void)
{
    char *sets[] = {(char *)"a.example,B.example", (char *)"c.example"};
    char *patterns[] = {(char *)"*.d.example"}, *types[] = {(char *)"ecdsa-p256"};
    char *profiles[] = {(char *)"classic"};
    struct server_conf_client client = {
        .name = (char *)"web1", .names = {sets, 2}, .patterns = {patterns, 1}, .max_names = 2};
    struct err err;

    CU_ASSERT_EQUAL(client_may(&client, "a.example", "b.example", "rsa-2048", NULL, &err), 0);
    CU_ASSERT_EQUAL(client_may(&client, "c.example", "x.d.example", "rsa-2048", NULL, &err), 0);
    CU_ASSERT_EQUAL(client_may(&client, "*.d.example", "x.d.example", "rsa-2048", NULL, &err), 0);
    CU_ASSERT_EQUAL(client_may(&client, "a.example", "c.example", "rsa-2048", NULL, &err),
                    ERR_POLICY);
    CU_ASSERT_EQUAL(client_may(&client, "d.example", NULL, "rsa-2048", NULL, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "d.example is not permitted"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "*.d.example"));
    CU_ASSERT_EQUAL(client_may(&client, "*.a.example", NULL, "rsa-2048", NULL, &err), ERR_POLICY);
    client.max_names = 1;
    CU_ASSERT_EQUAL(client_may(&client, "a.example", "b.example", "rsa-2048", NULL, &err),
                    ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at most 1"));
    client.key_types = (struct conf_strings){types, 1};
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "ecdsa-p256", NULL, &err), 0);
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "rsa-2048", NULL, &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "permitted: ecdsa-p256"));
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "ecdsa-p256", "classic", &err),
                    ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "permitted: none"));
    client.profile = (char *)"short";
    client.profiles = (struct conf_strings){profiles, 1};
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "ecdsa-p256", "classic", &err), 0);
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "ecdsa-p256", "short", &err), 0);
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "ecdsa-p256", "long", &err), ERR_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "permitted: classic"));
    client.names = client.patterns = (struct conf_strings){0};
    CU_ASSERT_EQUAL(client_may(&client, "a.example", NULL, "ecdsa-p256", NULL, &err), ERR_POLICY);
    sets[0] = (char *)"a..example";
    client.names = (struct conf_strings){sets, 1};
    CU_ASSERT(client_may(&client, "a.example", NULL, "ecdsa-p256", NULL, &err) < 0);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"names", test_names},
        {"patterns", test_patterns},
        {"a client of the configuration", test_client},
    };
    return RUN("policy", tests);
}

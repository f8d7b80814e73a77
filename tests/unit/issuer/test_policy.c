#include "issuer/policy.h"

#include <CUnit/Basic.h>
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

int main(void)
{
    static const struct run_case tests[] = {
        {"names", test_names},
        {"patterns", test_patterns},
    };
    return RUN("policy", tests);
}

/*
 * What others learn of an order: its names, whether it replaces, whose authorization failed.
 */
#include "issuer/order.h"

#include <CUnit/Basic.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/order_lab.h"

static const char *authz_of(const char *type)
{
    static char body[1024];

    (void)snprintf(body, sizeof body,
                   "{\"status\":\"invalid\",\"identifier\":{\"type\":\"dns\",\"value\":"
                   "\"a.example\"},\"challenges\":[{\"type\":\"dns-01\",\"status\":\"invalid\","
                   "\"url\":\"" LAB_URL "/chall/0\",\"token\":\"t\",\"error\":{\"type\":"
                   "\"urn:ietf:params:acme:error:%s\",\"detail\":\"said so: SERVFAIL\"}}]}",
                   type);
    return body;
}

static void test_names(void)
{
    struct lab *lab = lab_new("*.a.example,b.example");
    size_t count = 0;
    char *const *names = order_names(lab->order, &count);

    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT_STRING_EQUAL(names[0], "*.a.example");
    CU_ASSERT_STRING_EQUAL(names[1], "b.example");
    CU_ASSERT_FALSE(order_replaces(lab->order));
    lab_free(lab);
    lab = lab_new_with(&(struct lab_options){.names = "a.example", .replaces = "aki.serial"});
    CU_ASSERT_TRUE(order_replaces(lab->order));
    lab_free(lab);
}

static void test_failed(void)
{
    struct lab *lab = lab_validating();
    const char *why = NULL;
    size_t at = 0;

    CU_ASSERT_PTR_NULL(order_failed_name(lab->order, &at, &why));
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, authz_of("unauthorized"));
    CU_ASSERT_TRUE(lab->finished);
    const char *name = order_failed_name(lab->order, &at, &why);

    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    CU_ASSERT_STRING_EQUAL(name != NULL ? name : "", "a.example");
    CU_ASSERT_PTR_NOT_NULL_FATAL(why);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "said so"));
    CU_ASSERT_EQUAL(at, 1);
    CU_ASSERT_PTR_NULL(order_failed_name(lab->order, &at, &why));
    CU_ASSERT_FALSE(order_failed_before(lab->order, 0));
    CU_ASSERT_FALSE(order_failed_before(lab->order, 1));
    lab_free(lab);
}

/* A second chance: the CA has counted the first. */
static void test_failed_before(void)
{
    struct lab *lab = lab_validating();

    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, authz_of("dns"));
    CU_ASSERT_FALSE(lab->finished);
    CU_ASSERT_TRUE(order_failed_before(lab->order, 0));
    lab_free(lab);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"names", test_names},
        {"failed", test_failed},
        {"failed before", test_failed_before},
    };

    return RUN("order look", tests);
}

#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "common/ipc.h"
#include "run.h"

static void test_strings(void)
{
    CU_ASSERT_STRING_EQUAL(err_string(0), "success");
    CU_ASSERT_STRING_EQUAL(err_string(ERR_MALFORMED), "malformed input");
    CU_ASSERT_STRING_EQUAL(err_string(ERR_INTERNAL), "internal error");
    CU_ASSERT_STRING_EQUAL(err_string(ERR_LATER - 1), "unknown error");
    CU_ASSERT_STRING_EQUAL(err_string(-ENOENT), "No such file or directory");
    CU_ASSERT_STRING_EQUAL(err_string(-4000), "unknown error");
    CU_ASSERT_STRING_EQUAL(err_string(7), "unknown error");
    for (int code = ERR_MALFORMED; code >= ERR_LATER; code--) {
        CU_ASSERT_STRING_NOT_EQUAL(err_string(code), "unknown error");
    }
}

static void test_set_and_prefix(void)
{
    struct err err = {0};
    char long_text[3000];

    CU_ASSERT_EQUAL(err_set(&err, ERR_LIMIT, "%s has %d", "a", 5), ERR_LIMIT);
    CU_ASSERT_EQUAL(err.code, ERR_LIMIT);
    CU_ASSERT_STRING_EQUAL(err.text, "a has 5");
    CU_ASSERT_EQUAL(err_prefix(&err, "file %s", "x"), ERR_LIMIT);
    CU_ASSERT_STRING_EQUAL(err.text, "file x: a has 5");
    CU_ASSERT_EQUAL(err_set(NULL, ERR_CA, "gone"), ERR_CA);
    err_prefix(NULL, "gone");

    err = (struct err){.code = -EACCES};
    err_prefix(&err, "key");
    CU_ASSERT_STRING_EQUAL(err.text, "key: Permission denied");

    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    err_set(&err, ERR_LIMIT, "%s", long_text);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    err_prefix(&err, "%s", long_text);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
}

static void test_role_names(void)
{
    CU_ASSERT_STRING_EQUAL(ipc_role_name(IPC_ROLE_DNSD), "dnsd");
    CU_ASSERT_STRING_EQUAL(ipc_role_name(IPC_ROLE_SIGNER), "signer");
    CU_ASSERT_STRING_EQUAL(ipc_role_name((enum ipc_role)77), "?");
}

int main(void)
{
    static const struct run_case cases[] = {
        {"every code has a string", test_strings},
        {"texts and prefixes", test_set_and_prefix},
        {"names of the roles", test_role_names},
    };

    return RUN("err", cases);
}

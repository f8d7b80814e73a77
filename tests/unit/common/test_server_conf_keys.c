#include "common/server_conf_keys.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/common/run.h"

#define A "AAAAC3NzaC1lZDI1NTE5AAAAIPDHOZbNtpyqX2oUZ5nyRYOkbCZ8t8mBFTqvHNVqZ4vJ"
#define B "AAAAC3NzaC1lZDI1NTE5AAAAIPDHOZbNtpyqX2oUZ5nyRYOkbCZ8t8mBFTqvHNVqZ4vK"

static void test_find(void)
{
    char *first[] = {(char *)"ssh-ed25519 " B " b@host", (char *)"ssh-rsa " A};
    char *second[] = {(char *)"ssh-ed25519   " A};
    struct server_conf_client clients[] = {
        {.name = (char *)"one", .public_keys = {first, 2}},
        {.name = (char *)"two", .public_keys = {second, 1}},
        {.name = (char *)"none"},
    };
    const struct server_conf conf = {.clients = {clients, 3}};
    const struct server_conf_key *key;
    struct server_conf_keys keys;
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(server_conf_keys_read(&keys, &conf, &err), 0);
    CU_ASSERT_EQUAL(keys.count, 3);
    key = server_conf_keys_find(&keys, "ssh-ed25519", A);
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_STRING_EQUAL(key->client, "two");
    CU_ASSERT_EQUAL(key->key_len, strlen(A));
    CU_ASSERT_STRING_EQUAL(server_conf_keys_find(&keys, "ssh-ed25519", B)->client, "one");
    CU_ASSERT_STRING_EQUAL(server_conf_keys_find(&keys, "ssh-rsa", A)->client, "one");
    CU_ASSERT_PTR_NULL(server_conf_keys_find(&keys, "ssh-rsa", B));
    CU_ASSERT_PTR_NULL(server_conf_keys_find(&keys, "ssh-ed25519", "AAAA"));
    CU_ASSERT_PTR_NULL(server_conf_keys_find(&keys, "ssh-ed25519", A "A"));
    CU_ASSERT_PTR_NULL(server_conf_keys_find(&keys, "", ""));
    server_conf_keys_clear(&keys);
    CU_ASSERT_PTR_NULL(server_conf_keys_find(&keys, "ssh-ed25519", A));
}

static void test_twice(void)
{
    char *first[] = {(char *)"ssh-ed25519 " A " x"}, *second[] = {(char *)"ssh-ed25519 " A " y"};
    struct server_conf_client clients[] = {
        {.name = (char *)"one", .public_keys = {first, 1}},
        {.name = (char *)"two", .public_keys = {second, 1}},
    };
    const struct server_conf conf = {.clients = {clients, 2}};
    struct server_conf_keys keys;
    struct err err = {0};

    CU_ASSERT_EQUAL(server_conf_keys_read(&keys, &conf, &err), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "one"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "two"));
    CU_ASSERT_PTR_NULL(keys.rows);
}

static void test_none(void)
{
    const struct server_conf conf = {0};
    struct server_conf_keys keys;

    CU_ASSERT_EQUAL(server_conf_keys_read(&keys, &conf, NULL), 0);
    CU_ASSERT_EQUAL(keys.count, 0);
    server_conf_keys_clear(&keys);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"found by type and key", test_find},
        {"a key of two clients", test_twice},
        {"no keys", test_none},
    };
    return RUN("server_conf_keys", tests);
}

/* Sets of names, their file names, and the configuration that holds them. */
#include "client/sets.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "client/settings.h"

static struct err err;

static void test_set(void)
{
    struct set set;
    CU_ASSERT_EQUAL_FATAL(set_parse(&set,
                                    " WWW.P\xc3\xb8lse.example , *.a.example,a.example.,"
                                    "www.xn--plse-gra.example",
                                    &err),
                          0);
    CU_ASSERT_EQUAL(set.count, 3);
    CU_ASSERT_STRING_EQUAL(set.names[0], "www.xn--plse-gra.example");
    CU_ASSERT_STRING_EQUAL(set.names[1], "*.a.example");
    CU_ASSERT_STRING_EQUAL(set.names[2], "a.example");
    CU_ASSERT_STRING_EQUAL(set.name, "www.xn--plse-gra.example");
    set_clear(&set);
}

static void test_bad_sets(void)
{
    static const char *const bad[] = {"",          ",",           "a.example,", "a b.example",
                                      "../../etc", "a/b.example", "127.0.0.1",  "a.*.example",
                                      "a;b",       "-a.example",  "a..example", "\xff.example"};
    struct set set;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err = (struct err){0};
        CU_ASSERT_EQUAL(set_parse(&set, bad[i], &err), ERR_MALFORMED);
        CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
        CU_ASSERT_PTR_NULL(set.names);
    }
}

static void test_many_names(void)
{
    char text[LIMIT_NAMES * 16 + 64];
    size_t at = 0;
    struct set set;
    for (int i = 0; i <= LIMIT_NAMES; i++) {
        if (i == LIMIT_NAMES) {
            CU_ASSERT_EQUAL(set_parse(&set, text, &err), 0);
            CU_ASSERT_EQUAL(set.count, LIMIT_NAMES);
            set_clear(&set);
        }
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%sn%d.example", i > 0 ? "," : "", i);
    }
    CU_ASSERT_EQUAL(set_parse(&set, text, &err), ERR_LIMIT);
}

static void test_long_name(void)
{
    char text[LIMIT_DOMAIN_TEXT + 1], name[256];
    struct set set;
    memset(text, 'a', LIMIT_DOMAIN_TEXT);
    for (int i = 60; i < LIMIT_DOMAIN_TEXT; i += 61) {
        text[i] = '.';
    }
    text[LIMIT_DOMAIN_TEXT] = '\0';
    CU_ASSERT_EQUAL_FATAL(set_parse(&set, text, &err), 0);
    CU_ASSERT_EQUAL(strlen(set.name), FILES_NAME_MAX);
    CU_ASSERT_STRING_EQUAL(set.name, text + LIMIT_DOMAIN_TEXT - FILES_NAME_MAX);
    struct files files = {.name = set.name, .type = KEY_RSA};
    files_name(name, &files, FILE_REQUEST);
    CU_ASSERT_STRING_EQUAL(name + FILES_NAME_MAX, "-request.rsa.csr");
    set_clear(&set);
}

static void test_same_files(void)
{
    char *two[] = {(char[]){"a.example,b.example"}, (char[]){"A.example"}};
    struct sets sets;
    CU_ASSERT_EQUAL(sets_parse(&sets, two, 2, false, &err), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "two sets begin with a.example"));
    CU_ASSERT_PTR_NULL(sets.items);
    CU_ASSERT_EQUAL(sets_parse(&sets, two, 1, false, &err), 0);
    CU_ASSERT_EQUAL(sets.count, 1);
    sets_clear(&sets);
}

/* The names of a set, divided by blanks. */
static const char *names_of(const struct set *set)
{
    static char text[1024];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < set->count; i++) {
        at +=
            (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? " " : "", set->names[i]);
    }
    return text;
}

static void test_add_www(void)
{
    char *texts[] = {
        (char[]){"example.org,mail.example.org"},
        (char[]){"mail.example.net,example.net,*.example.net"}, /* www is the wildcard's */
        (char[]){"example.com"},                                /* www has a set of its own */
        (char[]){"www.example.com"},
        (char[]){"*.example.info"},
        (char[]){"example.co.uk"}, /* three labels */
        (char[]){"a.example,b.example,www.a.example"},
    };
    static const char *const expected[] = {
        "example.org mail.example.org www.example.org",
        "mail.example.net example.net *.example.net",
        "example.com",
        "www.example.com",
        "*.example.info",
        "example.co.uk",
        "a.example b.example www.a.example www.b.example",
    };
    const size_t count = sizeof(texts) / sizeof(texts[0]);
    struct sets sets;
    CU_ASSERT_EQUAL_FATAL(sets_parse(&sets, texts, count, true, &err), 0);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_STRING_EQUAL(names_of(&sets.items[i]), expected[i]);
    }
    CU_ASSERT_STRING_EQUAL(sets.items[0].name, "example.org");
    sets_clear(&sets);
    CU_ASSERT_EQUAL_FATAL(sets_parse(&sets, texts, count, false, &err), 0);
    CU_ASSERT_EQUAL(sets.items[0].count, 2);
    sets_clear(&sets);
}

static void test_no_room_for_www(void)
{
    char text[LIMIT_NAMES * 16 + 64], *texts[] = {text};
    size_t at = 0;
    struct sets sets;
    for (int i = 0; i < LIMIT_NAMES; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%sn%d.example", i > 0 ? "," : "", i);
    }
    CU_ASSERT_EQUAL(sets_parse(&sets, texts, 1, true, &err), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "add-www: n0.example"));
    CU_ASSERT_PTR_NULL(sets.items);
}

static struct settings settings;
static char *words[20];

static int load(int argc, char **argv)
{
    struct conf_input input = {.argc = argc, .argv = argv, .words = words};
    conf_clear(&settings_schema, &settings);
    err = (struct err){0};
    int ret = conf_load(&settings_schema, &settings, &input, &err);
    free(input.file_used);
    return ret;
}

#define LOAD(...)                                                                                  \
    load((int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), (char *[]){__VA_ARGS__})
#define W(word) ((char[]){word})

static void test_settings(void)
{
    CU_ASSERT_EQUAL(LOAD(W("-D"), W("a.example,b.example"), W("-D"), W("c.example"), W("-d"),
                         W("get"), W("certificate"), W("-k"), W("ecdsa"), W("--certgrinderd"),
                         W("ssh -T 'my host'")),
                    0);
    CU_ASSERT_EQUAL(settings.domain_list.count, 2);
    CU_ASSERT_EQUAL(settings.key_type_list.count, 1);
    CU_ASSERT_EQUAL(settings_level(&settings), LOG_LEVEL_DEBUG);
    CU_ASSERT_STRING_EQUAL(settings_server(&settings), "ssh -T 'my host'");
    CU_ASSERT_EQUAL(LOAD(W("--quiet")), 0);
    CU_ASSERT_EQUAL(settings_level(&settings), LOG_LEVEL_WARNING);
    CU_ASSERT_EQUAL(settings.key_type_list.count, 2);
    CU_ASSERT_PTR_NULL(settings_server(&settings));
}

static void test_bad_settings(void)
{
    CU_ASSERT_TRUE(LOAD(W("-D"), W("a b")) < 0);
    CU_ASSERT_TRUE(LOAD(W("-D"), W("a.example"), W("-D"), W("a.example,b.example")) < 0);
    CU_ASSERT_TRUE(LOAD(W("-k"), W("dsa")) < 0);
    CU_ASSERT_TRUE(LOAD(W("--server"), W("ssh 'x")) < 0);
    CU_ASSERT_TRUE(LOAD(W("--server"), W("ssh"), W("--certgrinderd"), W("ssh")) < 0);
    CU_ASSERT_TRUE(LOAD(W("--acme-server-url"), W("https://a/ --domains x")) < 0);
    CU_ASSERT_TRUE(LOAD(W("--preferred-chain"), W("a'b")) < 0);
    CU_ASSERT_TRUE(LOAD(W("--expected-chain-length"), W("11")) < 0);
    CU_ASSERT_EQUAL(LOAD(W("--domain-lists"), W("x")), ERR_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--domain-list"));
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("sets", NULL, NULL);
    CU_add_test(suite, "set", test_set);
    CU_add_test(suite, "bad sets", test_bad_sets);
    CU_add_test(suite, "many names", test_many_names);
    CU_add_test(suite, "long name", test_long_name);
    CU_add_test(suite, "same files", test_same_files);
    CU_add_test(suite, "add www", test_add_www);
    CU_add_test(suite, "no room for www", test_no_room_for_www);
    CU_add_test(suite, "settings", test_settings);
    CU_add_test(suite, "bad settings", test_bad_settings);
    CU_basic_run_tests();
    conf_clear(&settings_schema, &settings);
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

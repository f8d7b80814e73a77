/* Options of programs without a configuration file, and what help says of them. */
#include "common/option.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct taken {
    const char *limit, *name;
    bool json;
};

static const struct option_row rows[] = {
    {"--limit", 'l', "NUMBER", offsetof(struct taken, limit), 4, "so many"},
    {"--name", 0, "NAME", offsetof(struct taken, name), 0, "who"},
    {"--json", 'j', NULL, offsetof(struct taken, json), 0, "as JSON"},
    {"--why", 'w', "WORD", OPTION_KEPT, 0, "why"},
};
#define COUNT (sizeof(rows) / sizeof(rows[0]))

static struct taken out;
static struct err err;
static size_t pos;

/* Takes an option that stands at the first of one or two words. */
static int take(const char *first, const char *second)
{
    char *words[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second};
    out = (struct taken){0};
    err = (struct err){0};
    pos = 0;
    return option_take(rows, COUNT, &out, words, second != NULL ? 2 : 1, &pos, &err);
}

static bool is(const char *value, const char *expected)
{
    return value != NULL && strcmp(value, expected) == 0;
}

static void test_values(void)
{
    CU_ASSERT_EQUAL(take("--limit", "12"), 1);
    CU_ASSERT_TRUE(is(out.limit, "12"));
    CU_ASSERT_EQUAL(pos, 2);
    static const char *const joined[] = {"--limit=12", "-l12"};
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(take(joined[i], "next"), 1);
        CU_ASSERT_TRUE(is(out.limit, "12"));
        CU_ASSERT_EQUAL(pos, 1);
    }
    CU_ASSERT_EQUAL(take("-l", "12"), 1);
    CU_ASSERT_TRUE(is(out.limit, "12"));
    CU_ASSERT_EQUAL(take("--name=a=b", NULL), 1);
    CU_ASSERT_TRUE(is(out.name, "a=b"));
    CU_ASSERT_EQUAL(take("--name", "--json"), 1);
    CU_ASSERT_TRUE(is(out.name, "--json"));
    CU_ASSERT_FALSE(out.json);
}

static void test_flags(void)
{
    static const char *const words[] = {"--json", "-j"};
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(take(words[i], "next"), 1);
        CU_ASSERT_TRUE(out.json);
        CU_ASSERT_EQUAL(pos, 1);
    }
}

static void test_not_one(void)
{
    static const char *const words[] = {"",        "-",          "--",  "limit", "--limits", "--li",
                                        "--json=", "--json=yes", "-jl", "-n",    "---json"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CU_ASSERT_EQUAL(take(words[i], "next"), 0);
        CU_ASSERT_EQUAL(pos, 0);
        CU_ASSERT_PTR_NULL(option_find(rows, COUNT, words[i]));
    }
    CU_ASSERT_FALSE(out.json);
}

/* A word that a command reads itself stays where it is. */
static void test_kept(void)
{
    CU_ASSERT_EQUAL(take("--why", "so"), 0);
    CU_ASSERT_EQUAL(pos, 0);
    CU_ASSERT_PTR_EQUAL(option_find(rows, COUNT, "--why"), &rows[3]);
    CU_ASSERT_PTR_EQUAL(option_find(rows, COUNT, "--why=so"), &rows[3]);
    CU_ASSERT_PTR_EQUAL(option_find(rows, COUNT, "-wso"), &rows[3]);
}

static void test_refused(void)
{
    CU_ASSERT_EQUAL(take("--limit", NULL), ERR_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--limit needs a value"));
    CU_ASSERT_EQUAL(take("-l", NULL), ERR_UNKNOWN);
    CU_ASSERT_EQUAL(take("--limit", ""), ERR_UNKNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is empty"));
    CU_ASSERT_EQUAL(take("--limit=", "12"), ERR_UNKNOWN);
    CU_ASSERT_EQUAL(take("--limit", "12345"), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at most 4"));
    CU_ASSERT_EQUAL(take("--limit", "1234"), 1);
    CU_ASSERT_EQUAL(take("--name", "12345"), 1);
}

static void test_help(void)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    option_help(rows, COUNT, file);
    fclose(file);
    CU_ASSERT_STRING_EQUAL(text, "  -l, --limit NUMBER       so many\n"
                                 "  --name NAME              who\n"
                                 "  -j, --json               as JSON\n"
                                 "  -w, --why WORD           why\n");
    free(text);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("option", NULL, NULL);
    CU_add_test(s, "values", test_values);
    CU_add_test(s, "flags", test_flags);
    CU_add_test(s, "words that are none", test_not_one);
    CU_add_test(s, "kept for a command", test_kept);
    CU_add_test(s, "refused", test_refused);
    CU_add_test(s, "help", test_help);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

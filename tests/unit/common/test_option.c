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
    {.name = "--limit",
     .letter = 'l',
     .value = "NUMBER",
     .offset = offsetof(struct taken, limit),
     .max = 4,
     .help = "so many"},
    {.name = "--name", .value = "NAME", .offset = offsetof(struct taken, name), .help = "who"},
    {.name = "--json", .letter = 'j', .offset = offsetof(struct taken, json), .help = "as JSON"},
    {.name = "--why", .letter = 'w', .value = "WORD", .offset = OPTION_KEPT, .help = "why"},
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

/* At an error nothing is taken, and the word stays at hand. */
static void test_refused_stays(void)
{
    static const char *const words[][2] = {{"--limit", NULL},
                                           {"--limit", ""},
                                           {"--limit", "12345"},
                                           {"-l12345", NULL},
                                           {"--limit=", "x"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CU_ASSERT_TRUE(take(words[i][0], words[i][1]) < 0);
        CU_ASSERT_EQUAL(pos, 0);
        CU_ASSERT_PTR_NULL(out.limit);
    }
}

/* A long word is cut in the error, not in memory. */
static void test_long(void)
{
    char word[5000];
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    memcpy(word, "--", 2);
    CU_ASSERT_EQUAL(take(word, NULL), 0);
    CU_ASSERT_PTR_NULL(option_nearest(rows, COUNT, word));
    CU_ASSERT_EQUAL(take("--limit", word), ERR_LIMIT);
    CU_ASSERT_EQUAL(take("--name", word), 1);
    CU_ASSERT_PTR_EQUAL(out.name, word);
}

static void test_nearest(void)
{
    static const struct {
        const char *word, *name;
    } cases[] = {{"--limt", "--limit"},
                 {"--LIMIT", "--limit"},
                 {"--limits=5", "--limit"},
                 {"--jsno", "--json"},
                 {"--json=yes", "--json"},
                 {"--colour", NULL},
                 {"-x", NULL},
                 {"", NULL},
                 {"limit", NULL},
                 {"--", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *found = option_nearest(rows, COUNT, cases[i].word);
        CU_ASSERT_TRUE(cases[i].name != NULL ? is(found, cases[i].name) : found == NULL);
    }
}

static void test_list(void)
{
    char text[64], small[12];
    option_list(rows, COUNT, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "--limit NUMBER, --name NAME, --json, --why WORD");
    option_list(rows, COUNT, small, sizeof(small));
    CU_ASSERT_STRING_EQUAL(small, "--limit NUM");
    option_list(rows, 0, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
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
    CU_add_test(s, "what is refused stays", test_refused_stays);
    CU_add_test(s, "long words", test_long);
    CU_add_test(s, "the nearest", test_nearest);
    CU_add_test(s, "a list", test_list);
    CU_add_test(s, "help", test_help);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

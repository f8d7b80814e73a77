/* Words as a shell splits them, without anything else that a shell does. */
#include "common/words.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

/* Joins the words by `|`, or gives the error's text. */
static const char *split(const char *text)
{
    static char joined[LIMIT_COMMAND * 2];
    struct words words;
    struct err err = {0};
    joined[0] = '\0';
    if (words_split(&words, text, " ", &err) < 0) {
        CU_ASSERT_PTR_NULL(words.items);
        return strcpy(joined, err.text);
    }
    for (size_t i = 0; i < words.count; i++) {
        strcat(strcat(joined, i > 0 ? "|" : ""), words.items[i]);
    }
    CU_ASSERT_PTR_NULL(words.items[words.count]);
    words_clear(&words);
    return joined;
}

static void test_blanks(void)
{
    CU_ASSERT_STRING_EQUAL(split(""), "");
    CU_ASSERT_STRING_EQUAL(split("   "), "");
    CU_ASSERT_STRING_EQUAL(split("get certificate"), "get|certificate");
    CU_ASSERT_STRING_EQUAL(split("  get   certificate  "), "get|certificate");
}

static void test_quotes(void)
{
    CU_ASSERT_STRING_EQUAL(split("'a b' \"c d\""), "a b|c d");
    CU_ASSERT_STRING_EQUAL(split("a'b'\"c\"d"), "abcd");
    CU_ASSERT_STRING_EQUAL(split("'' x \"\""), "|x|");
    CU_ASSERT_STRING_EQUAL(split("'a\\b' \"a\\b\" a\\b"), "a\\b|a\\b|ab");
    CU_ASSERT_STRING_EQUAL(split("\"\\$\\`\\\"\\\\\""), "$`\"\\");
    CU_ASSERT_STRING_EQUAL(split("a\\ b\\'c"), "a b'c");
    CU_ASSERT_STRING_EQUAL(split("'\"' \"'\""), "\"|'");
}

static void test_nothing_is_expanded(void)
{
    CU_ASSERT_STRING_EQUAL(split("$HOME `id` $(id) * ~ ; & | > < #x {a,b} !!"),
                           "$HOME|`id`|$(id)|*|~|;|&|||>|<|#x|{a,b}|!!");
    CU_ASSERT_STRING_EQUAL(split("\"$HOME\""), "$HOME");
}

static void test_refused(void)
{
    CU_ASSERT_PTR_NOT_NULL(strstr(split("get 'certificate"), "quote (') in the command is not"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("get \"x"), "quote (\")"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("get x\\"), "ends in a backslash"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("get 'x\\"), "quote"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("ping\nid"), "\\x0a at position 5"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("ping\tx"), "\\x09"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("ping \x1b[2J"), "\\x1b"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("ping \x7f"), "\\x7f"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("ping \xff"), "not UTF-8"));
    CU_ASSERT_PTR_NOT_NULL(strstr(split("ping \xc0\x80"), "not UTF-8"));
    CU_ASSERT_STRING_EQUAL(split("p\xc3\xb8lse"), "p\xc3\xb8lse");
}

static void test_limits(void)
{
    char text[LIMIT_COMMAND + 2];
    memset(text, 'a', sizeof(text));
    text[LIMIT_COMMAND + 1] = '\0';
    CU_ASSERT_PTR_NOT_NULL(strstr(split(text), "at most 8192"));
    text[LIMIT_COMMAND] = '\0';
    CU_ASSERT_EQUAL(strlen(split(text)), LIMIT_COMMAND);
    for (size_t i = 0; i < LIMIT_WORDS * 2 + 2; i++) {
        text[i] = i % 2 == 0 ? 'a' : ' ';
    }
    text[LIMIT_WORDS * 2] = '\0';
    CU_ASSERT_EQUAL(strlen(split(text)), LIMIT_WORDS * 2 - 1);
    strcpy(text + LIMIT_WORDS * 2, "b");
    CU_ASSERT_PTR_NOT_NULL(strstr(split(text), "more than 64 words"));
}

static void test_other_blanks(void)
{
    struct words words;
    CU_ASSERT_EQUAL(words_split(&words, "ssh -T\thost \\\n  -p 22\n", " \t\n", NULL), 0);
    CU_ASSERT_EQUAL(words.count, 5);
    CU_ASSERT_STRING_EQUAL(words.items[4], "22");
    words_clear(&words);
    words_clear(&words);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("words", NULL, NULL);
    CU_add_test(suite, "blanks", test_blanks);
    CU_add_test(suite, "quotes", test_quotes);
    CU_add_test(suite, "nothing is expanded", test_nothing_is_expanded);
    CU_add_test(suite, "refused", test_refused);
    CU_add_test(suite, "limits", test_limits);
    CU_add_test(suite, "other blanks", test_other_blanks);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

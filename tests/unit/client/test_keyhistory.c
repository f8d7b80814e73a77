/* The file of old keys. */
#include "client/keyhistory.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "common/file.h"
#include "tests/unit/common/folder.h"
#include "tests/unit/common/run.h"

static struct err err;

static int parse(const char *text)
{
    struct keyhistory history;
    err = (struct err){0};
    int ret = keyhistory_parse(&history, text, strlen(text), &err);
    if (ret == 0) {
        ret = (int)history.count;
        keyhistory_clear(&history);
    }
    return ret;
}

static void test_text(void)
{
    static const char text[] = "certmill keys 1\n"
                               "1795225578 replaced 30760102\n"
                               "1795225600 abandoned ff\n";
    struct keyhistory history;
    size_t len;
    CU_ASSERT_EQUAL_FATAL(keyhistory_parse(&history, text, strlen(text), &err), 0);
    CU_ASSERT_EQUAL_FATAL(history.count, 2);
    CU_ASSERT_EQUAL(history.keys[0].ended, 1795225578);
    CU_ASSERT_EQUAL(history.keys[0].why, KEYHISTORY_REPLACED);
    CU_ASSERT_EQUAL(history.keys[0].len, 4);
    CU_ASSERT_EQUAL(memcmp(history.keys[0].spki, "\x30\x76\x01\x02", 4), 0);
    CU_ASSERT_EQUAL(history.keys[1].why, KEYHISTORY_ABANDONED);
    CU_ASSERT_STRING_EQUAL(keyhistory_why_name(history.keys[1].why), "abandoned");
    char *again = keyhistory_text(&history, &len);
    CU_ASSERT_STRING_EQUAL(again, text);
    CU_ASSERT_EQUAL(len, strlen(text));
    free(again);
    keyhistory_clear(&history);
}

static void test_hostile(void)
{
    CU_ASSERT_EQUAL(parse("certmill keys 1\n"), 0);
    CU_ASSERT_EQUAL(parse("certmill keys 1\n5 replaced 00\n"), 1);
    CU_ASSERT_EQUAL(parse(""), ERR_VERSION);
    CU_ASSERT_EQUAL(parse("certmill keys 1"), ERR_VERSION);
    CU_ASSERT_EQUAL(parse("certmill keys 2\n"), ERR_VERSION);
    static const char *const bad[] = {
        "\n",
        "5 replaced 00", /* cut short */
        "5 replaced \n",
        "5 replaced 0\n",
        "5 replaced 0g\n",
        "5 replaced 00 \n",
        "5 replaced\n",
        "5 lost 00\n",
        "-5 replaced 00\n",
        " replaced 00\n",
        "1234567890123 replaced 00\n",
        "5  replaced 00\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "certmill keys 1\n7 replaced 01\n%s", bad[i]);
        CU_ASSERT_EQUAL(parse(text), ERR_MALFORMED);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 3"));
    }
    /* NUL octets and lines of any length are only bad lines */
    struct keyhistory history;
    CU_ASSERT_EQUAL(keyhistory_parse(&history, "certmill keys 1\n5 replaced \0\0\n", 30, &err),
                    ERR_MALFORMED);
    size_t size = 16 + 11 + 2 * (LIMIT_SPKI + 1) + 1;
    char *text = malloc(size + 1);
    memset(text, '0', size);
    memcpy(text, "certmill keys 1\n5 replaced ", 27);
    text[size - 1] = '\n';
    text[size] = '\0';
    CU_ASSERT_EQUAL(parse(text), ERR_MALFORMED);
    memmove(text + 27, text + 29, size - 29 + 1);
    CU_ASSERT_EQUAL(parse(text), 1);
    free(text);
}

static void test_full(void)
{
    struct keyhistory history = {0};
    uint8_t spki[2] = {1, 0};
    for (int i = 0; i < LIMIT_KEY_HISTORY + 3; i++) {
        spki[1] = (uint8_t)i;
        CU_ASSERT_EQUAL(keyhistory_put(&history, i, KEYHISTORY_REPLACED, spki, 2), 0);
    }
    CU_ASSERT_EQUAL(history.count, LIMIT_KEY_HISTORY);
    CU_ASSERT_EQUAL(history.keys[0].ended, 3); /* the oldest made room */
    spki[1] = 10;
    CU_ASSERT_EQUAL(keyhistory_put(&history, 100, KEYHISTORY_ABANDONED, spki, 2), 0);
    CU_ASSERT_EQUAL(history.count, LIMIT_KEY_HISTORY);
    CU_ASSERT_EQUAL(history.keys[LIMIT_KEY_HISTORY - 1].ended, 100);
    CU_ASSERT_EQUAL(history.keys[7].spki[1], 11); /* moved, not doubled */
    static const uint8_t large[LIMIT_SPKI + 1] = {0};
    CU_ASSERT_EQUAL(keyhistory_put(&history, 100, KEYHISTORY_ABANDONED, large, sizeof(large)),
                    ERR_RANGE);
    CU_ASSERT_EQUAL(keyhistory_put(&history, 100, KEYHISTORY_ABANDONED, large, 0), ERR_RANGE);
    size_t len;
    char *text = keyhistory_text(&history, &len);
    struct keyhistory again;
    CU_ASSERT_EQUAL(keyhistory_parse(&again, text, len, &err), 0);
    keyhistory_clear(&again);
    text = realloc(text, len + 20);
    strcpy(text + len, "5 replaced 00\n");
    CU_ASSERT_EQUAL(keyhistory_parse(&again, text, len + 14, &err), ERR_LIMIT);
    free(text);
    keyhistory_clear(&history);
}

static void test_file(void)
{
    char folder[] = "/tmp/keyhistory-XXXXXX";
    struct keyhistory history;
    struct stat st;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    struct files files = {.folder = open(folder, O_RDONLY | O_DIRECTORY),
                          .path = folder,
                          .name = "a.example",
                          .type = KEY_ECDSA};
    CU_ASSERT_EQUAL(keyhistory_read(&history, &files, &err), 0);
    CU_ASSERT_EQUAL(history.count, 0);
    int dir = install_folder_open(&files, &err);
    CU_ASSERT_TRUE_FATAL(dir >= 0);
    CU_ASSERT_EQUAL(keyhistory_add(&files, 5, KEYHISTORY_REPLACED, (const uint8_t *)"one", 3, &err),
                    0);
    CU_ASSERT_EQUAL(
        keyhistory_add(&files, 6, KEYHISTORY_ABANDONED, (const uint8_t *)"two", 3, &err), 0);
    CU_ASSERT_EQUAL(keyhistory_read(&history, &files, &err), 0);
    CU_ASSERT_EQUAL(history.count, 2);
    CU_ASSERT_EQUAL(fstatat(dir, "history", &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, FILE_MODE);
    keyhistory_clear(&history);
    /* what cannot be read is not replaced */
    CU_ASSERT_EQUAL(file_write_atomic(dir, "history", "rubbish\n", 8, 0640, &err), 0);
    CU_ASSERT_EQUAL(
        keyhistory_add(&files, 7, KEYHISTORY_REPLACED, (const uint8_t *)"three", 5, &err),
        ERR_VERSION);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a.example.ecdsa/history"));
    CU_ASSERT_EQUAL(fstatat(dir, "history", &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_size, 8);
    unlinkat(dir, "history", 0);
    close(dir);
    close(files.folder);
    CU_ASSERT_EQUAL(folder_remove(folder), 0);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"text", test_text},
        {"hostile text", test_hostile},
        {"the oldest makes room", test_full},
        {"file", test_file},
    };
    return RUN("client/keyhistory", cases);
}

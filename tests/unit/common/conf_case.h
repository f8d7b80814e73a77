/*
 * For the tests of the configuration: a schema with an option of each type, and loading by it.
 */
#ifndef CERTMILL_TESTS_UNIT_COMMON_CONF_CASE_H
#define CERTMILL_TESTS_UNIT_COMMON_CONF_CASE_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/limits.h"
#include "run.h"

struct row {
    char *name;
    struct conf_strings items;
    int64_t ttl;
};

struct values {
    bool debug, loud;
    int64_t days;
    char *path, *level, *note;
    struct conf_strings domains, words;
    struct conf_table rows;
};

static int check_path(const char *value, struct err *err)
{
    return value[0] == '/' ? 0 : err_set(err, ERR_RANGE, "a path begins with /");
}

static int check_row(void *conf, struct err *err)
{
    const struct row *row = conf;

    return row->name != NULL ? 0 : err_set(err, ERR_NOT_FOUND, "no name");
}

static int check_values(void *conf, struct err *err)
{
    const struct values *v = conf;

    return v->loud && v->days == 99 ? err_set(err, ERR_POLICY, "loud and 99 days") : 0;
}

static const struct conf_option row_options[] = {
    {.key = "name", .type = CONF_STRING, .offset = offsetof(struct row, name), .help = "Name."},
    {.key = "items", .type = CONF_STRINGS, .offset = offsetof(struct row, items), .help = "Items."},
    {.key = "ttl",
     .type = CONF_INT,
     .offset = offsetof(struct row, ttl),
     .fallback = "7",
     .max = 100,
     .help = "TTL."},
};
static const struct conf_schema row_schema = {
    .options = row_options, .count = 3, .size = sizeof(struct row), .check = check_row};
static const char *const levels[] = {"LOW", "HIGH", NULL};
#define AT(field) offsetof(struct values, field)
static const struct conf_option options[] = {
    {.key = "debug", .letter = 'd', .type = CONF_BOOL, .offset = AT(debug), .help = "Debug."},
    {.key = "loud", .type = CONF_BOOL, .offset = AT(loud), .fallback = "true", .help = "Loud."},
    {.key = "renew-days",
     .type = CONF_INT,
     .offset = AT(days),
     .fallback = "30",
     .min = -5,
     .max = 365,
     .unit = "days",
     .help = "Days."},
    {.key = "path",
     .letter = 'p',
     .type = CONF_STRING,
     .offset = AT(path),
     .fallback = "/var",
     .max = 20,
     .check = check_path,
     .help = "Path."},
    {.key = "level",
     .type = CONF_WORD,
     .offset = AT(level),
     .fallback = "LOW",
     .words = levels,
     .help = "Level."},
    {.key = "note", .type = CONF_STRING, .offset = AT(note), .help = "Note."},
    {.key = "domain-list",
     .letter = 'D',
     .type = CONF_STRINGS,
     .offset = AT(domains),
     .help = "A set each."},
    {.key = "words",
     .type = CONF_STRINGS,
     .offset = AT(words),
     .fallback = "a, b",
     .separator = ',',
     .help = "Words."},
    {.key = "rows", .type = CONF_TABLE, .offset = AT(rows), .table = &row_schema, .help = "Rows."},
};
static const char *const ignored[] = {"TEST_SOCKET", NULL};
static const struct option_row others[] = {{.name = "--look-only", .help = "look only"}};
static const struct conf_schema schema = {.program = "test",
                                          .env_prefix = "TEST",
                                          .options = options,
                                          .count = sizeof(options) / sizeof(options[0]),
                                          .size = sizeof(struct values),
                                          .check = check_values,
                                          .env_ignore = ignored,
                                          .others = others,
                                          .other_count = 1};

static char folder[] = "/tmp/test-conf-XXXXXX";
static char file[64];

struct outcome {
    int ret;
    struct err err;
    struct values v;
    char *words[16];
    size_t word_count;
};

/* argv and envp are not const for conf_load, which does not write to them either. */
static inline size_t writable(char *dst[static 32], const char *const *src)
{
    size_t n = 0;

    for (; src != NULL && src[n] != NULL && n < 31; n++) {
        dst[n] = (char *)(uintptr_t)src[n];
    }
    dst[n] = NULL;
    return n;
}

/* yaml: the file's text or NULL; env and args: NULL-terminated or NULL. */
static inline struct outcome load(const char *yaml, size_t len, const char *const *env,
                                  const char *const *args)
{
    char *argv[32], *envp[32];
    struct outcome o = {0};
    struct conf_input input = {
        .argc = (int)writable(argv, args), .argv = argv, .envp = envp, .words = o.words};

    writable(envp, env);
    if (yaml != NULL) {
        FILE *f = fopen(file, "w");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        fwrite(yaml, 1, len, f);
        fclose(f);
        input.file = file;
    }
    memset(&o.v, 0x5a, sizeof(o.v));
    o.ret = conf_load(&schema, &o.v, &input, &o.err);
    o.word_count = input.word_count;
    CU_ASSERT_EQUAL(o.ret == 0 && yaml != NULL, input.file_used != NULL);
    free(input.file_used);
    return o;
}

static inline struct outcome load_yaml(const char *yaml)
{
    return load(yaml, strlen(yaml), NULL, NULL);
}

static inline void expect_strings(const struct conf_strings *strings, const char *wanted)
{
    char all[256] = "";
    size_t len = 0;

    for (size_t i = 0; i < strings->count; i++) {
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s|", strings->items[i]);
    }
    CU_ASSERT_STRING_EQUAL(all, wanted);
}

static inline void expect_string(const char *value, const char *wanted)
{
    CU_ASSERT(value != NULL && strcmp(value, wanted) == 0);
}

static inline bool is_empty(const struct values *v)
{
    const char *p = (const char *)v;

    for (size_t i = 0; i < sizeof(*v); i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Makes the folder, runs, cleans up. */
static inline int run_in_folder(const char *suite, const struct run_case *cases, size_t count)
{
    int status;

    if (mkdtemp(folder) == NULL) {
        return 2;
    }
    snprintf(file, sizeof(file), "%s/test.yaml", folder);
    status = run_cases(suite, cases, count, NULL, NULL);
    unlink(file);
    rmdir(folder);
    return status;
}

#endif

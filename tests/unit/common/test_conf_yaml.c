#include "common/conf_internal.h"
#include "conf_case.h"

static void test_yaml(void)
{
    struct outcome o = load_yaml("--- # all of it\n"
                                 "debug: TRUE\n"
                                 "loud: false\t# a tab before a comment\n"
                                 "renew-days: -5\n"
                                 "path: '/srv'\n"
                                 "level: high\n"
                                 "note: \"a\\tb\"\n"
                                 "domain-list:\n  - a.example,b.example\n  - c.example\n"
                                 "words: one\n"
                                 "rows:\n  - name: x\n    items: [1, 2]\n  - {name: y, ttl: 0}\n"
                                 "...\n");

    CU_ASSERT_EQUAL_FATAL(o.ret, 0);
    CU_ASSERT(o.v.debug && !o.v.loud && o.v.days == -5);
    expect_string(o.v.path, "/srv");
    expect_string(o.v.level, "HIGH");
    expect_string(o.v.note, "a\tb");
    expect_strings(&o.v.domains, "a.example,b.example|c.example|");
    expect_strings(&o.v.words, "one|");
    CU_ASSERT_EQUAL_FATAL(o.v.rows.count, 2);
    const struct row *rows = o.v.rows.rows;
    expect_string(rows[0].name, "x");
    expect_strings(&rows[0].items, "1|2|");
    CU_ASSERT_EQUAL(rows[0].ttl, 7);
    expect_string(rows[1].name, "y");
    CU_ASSERT_EQUAL(rows[1].ttl, 0);
    conf_clear(&schema, &o.v);
}

static void test_yaml_empty(void)
{
    static const char *const empty[] = {"",
                                        "---\n",
                                        "# nothing\n",
                                        "{}\n",
                                        "\xef\xbb\xbf# BOM\n",
                                        "note:\n",
                                        "note: ~\ndomain-list: []\n",
                                        "rows:\ndomain-list: null\n",
                                        "words: []\n"};

    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        struct outcome o = load_yaml(empty[i]);
        CU_ASSERT_EQUAL(o.ret, 0);
        if (o.ret != 0) {
            fprintf(stderr, "%s", o.err.text);
        }
        CU_ASSERT_PTR_NULL(o.v.note);
        CU_ASSERT_EQUAL(o.v.words.count, i == 8 ? 0 : 2);
        conf_clear(&schema, &o.v);
    }
}

/* What PyYAML takes, and so stands in files made for programs that use it. */
static void test_yaml11(void)
{
    static const char text[] = "debug: yes\n"
                               "loud: Off\n"
                               "renew-days: \"60\"\n"
                               "path: \"\"\n"
                               "level: null\n"
                               "words: \"\"\n"
                               "note: 'yes'\n"
                               "domain-list:\n";
    struct conf_schema lenient = schema;
    struct values v;
    struct err err = {0};

    CU_ASSERT_EQUAL(load_yaml("debug: yes\n").ret, ERR_MALFORMED);
    lenient.yaml11 = true;
    memset(&v, 0, sizeof(v));
    CU_ASSERT_EQUAL_FATAL(conf_defaults(&lenient, &v, &err), 0);
    CU_ASSERT_EQUAL_FATAL(conf_parse_yaml(&lenient, &v, "x", text, strlen(text), &err), 0);
    CU_ASSERT(v.debug && !v.loud && v.days == 60);
    expect_string(v.path, "/var");
    expect_string(v.level, "LOW");
    expect_string(v.note, "yes");
    expect_strings(&v.words, "a|b|");
    CU_ASSERT_EQUAL(v.domains.count, 0);
    conf_clear(&lenient, &v);
    static const char *const bad[] = {"debug: 1\n", "debug: 'yes'\n", "renew-days: 'x'\n",
                                      "renew-days: yes\n", "words: [a, '']\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&v, 0, sizeof(v));
        CU_ASSERT(conf_parse_yaml(&lenient, &v, "x", bad[i], strlen(bad[i]), &err) < 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "x:1:"));
        conf_clear(&lenient, &v);
    }
}

static void test_yaml_refused(void)
{
    static const struct {
        const char *yaml, *at, *part;
        int ret;
    } bad[] = {
        {"debug: true\nrenew-dys: 5\n", ":2:1: ", "did you mean 'renew-days'?", ERR_UNKNOWN},
        {"something-else-altogether: 5\n", ":1:1: ", "the nearest known one is", ERR_UNKNOWN},
        {"rows:\n  - nam: x\n", ":2:5: ", "did you mean 'name'?", ERR_UNKNOWN},
        {"debug: yes\n", ":1:8: ", "debug: 'yes' is neither true nor false", ERR_MALFORMED},
        {"debug: \"true\"\n", ":1:8: ", "quotes", ERR_MALFORMED},
        {"debug:\n", ":1:7: ", "empty", ERR_MALFORMED},
        {"renew-days: many\n", ":1:13: ", "not a whole number; give one from -5 to 365 days",
         ERR_MALFORMED},
        {"renew-days: 3.5\n", ":1:13: ", "not a whole number", ERR_MALFORMED},
        {"renew-days: 366\n", ":1:13: ", "out of range", ERR_RANGE},
        {"renew-days: 99999999999999999999\n", ":1:13: ", "out of range", ERR_RANGE},
        {"renew-days: [1]\n", ":1:13: ", "found a list", ERR_MALFORMED},
        {"path: {a: b}\n", ":1:7: ", "found a mapping", ERR_MALFORMED},
        {"path: relative\n", ":1:7: ", "path: a path begins with /", ERR_RANGE},
        {"path: /234567890123456789012\n", ":1:7: ", "longer than 20 bytes", ERR_LIMIT},
        {"path: ''\n", ":1:7: ", "leave the key out", ERR_MALFORMED},
        {"level: medium\n", ":1:8: ", "'medium' is not known; use one of LOW, HIGH", ERR_UNKNOWN},
        {"domain-list: {a: b}\n", ":1:14: ", "give a list of values", ERR_MALFORMED},
        {"domain-list: [a, [b]]\n", ":1:18: ", "one value an entry", ERR_MALFORMED},
        {"domain-list:\n  - a\n  -\n", ":3:4: ", "an entry of the list is empty", ERR_MALFORMED},
        {"words:\n", ":1:7: ", "empty", ERR_MALFORMED},
        {"rows: x\n", ":1:7: ", "a list of mappings", ERR_MALFORMED},
        {"rows: {name: x}\n", ":1:7: ", "a list of mappings", ERR_MALFORMED},
        {"rows: [x]\n", ":1:8: ", "a mapping", ERR_MALFORMED},
        {"rows:\n  - ttl: 5\n", ":2:5: ", "rows: no name", ERR_NOT_FOUND},
        {"rows:\n  - name: a\n    ttl: 101\n", ":3:10: ", "ttl: '101' is out of range", ERR_RANGE},
        {"debug: true\ndebug: true\n", ":2:1: ", "'debug' stands here a second time", ERR_EXISTS},
        {"rows: [{name: a, name: b}]\n", ":1:18: ", "a second time", ERR_EXISTS},
        {"debug: true\n\tloud: true\n", ":2:1: ", "a tab", ERR_MALFORMED},
        {"debug:\ttrue\n", ":1:7: ", "a tab", ERR_MALFORMED},
        {"rows:\n  -\tname: x\n", ":2:4: ", "a tab", ERR_MALFORMED},
        {"path: &a /x\nnote: *a\n", ":1:7: ", "anchors", ERR_MALFORMED},
        {"note: *a\n", ":1:7: ", "anchors", ERR_MALFORMED},
        {"domain-list: &a [x]\n", ":1:14: ", "anchors", ERR_MALFORMED},
        {"*a : b\n", ":1:1: ", "anchors", ERR_MALFORMED},
        {"note: !!str x\n", ":1:7: ", "tags", ERR_MALFORMED},
        {"debug: true\n---\nloud: true\n", ":2:1: ", "second document", ERR_MALFORMED},
        {"- a\n", ":1:1: ", "key: value", ERR_MALFORMED},
        {"just text\n", ":1:1: ", "key: value", ERR_MALFORMED},
        {"[a]: b\n", ":1:1: ", "where a key should be", ERR_MALFORMED},
        {"? {a: b}\n: c\n", ":1:3: ", "where a key should be", ERR_MALFORMED},
        {"note: a: b\n", ":1:8: ", "not YAML", ERR_MALFORMED},
        {"note: \"open\n", ":2:1: ", "not YAML", ERR_MALFORMED},
        {"debug: true\n  loud: true\n", ":1:8: ", "'true loud' is neither", ERR_MALFORMED},
        {"note: \"a\\0b\"\n", ":1:7: ", "NUL", ERR_MALFORMED},
        {"note: p\xf8lse\n", ":1:8: ", "not UTF-8", ERR_MALFORMED},
        {"note: p\xc3\xb8lse \x1b[2J\n", ":1:13: ", "control character", ERR_MALFORMED},
        {"\"a\\e[2J\": x\n", ":1:1: ", "unknown key 'a\\x1b[2J'", ERR_UNKNOWN},
        {"loud: true\nrenew-days: 99\n", ": loud", "loud and 99 days", ERR_POLICY},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct outcome o = load_yaml(bad[i].yaml);
        char wanted[128];
        snprintf(wanted, sizeof(wanted), "%s%s", file, bad[i].at);
        bool good = o.ret == bad[i].ret && strncmp(o.err.text, wanted, strlen(wanted)) == 0 &&
                    strstr(o.err.text, bad[i].part) != NULL;
        if (!good) {
            fprintf(stderr, "%zu: %d %s\n", i, o.ret, o.err.text);
        }
        CU_ASSERT(good);
        CU_ASSERT_EQUAL(o.err.code, o.ret);
        CU_ASSERT(is_empty(&o.v));
    }
}

static void test_yaml_bytes(void)
{
    struct outcome o = load("debug: true\n\0", 13, NULL, NULL);

    CU_ASSERT_EQUAL(o.ret, ERR_MALFORMED);
    o = load("\xff\xfe"
             "d\0:\0",
             6, NULL, NULL); /* UTF-16 */
    CU_ASSERT_EQUAL(o.ret, ERR_MALFORMED);

    char *big = malloc(LIMIT_CONF_FILE + 1);
    memset(big, '#', LIMIT_CONF_FILE + 1);
    o = load(big, LIMIT_CONF_FILE + 1, NULL, NULL);
    CU_ASSERT_EQUAL(o.ret, ERR_LIMIT);
    o = load(big, LIMIT_CONF_FILE, NULL, NULL);
    CU_ASSERT_EQUAL(o.ret, 0);
    conf_clear(&schema, &o.v);
    memset(big, '[', 100000); /* deep nesting */
    o = load(big, 100000, NULL, NULL);
    CU_ASSERT_EQUAL(o.ret, ERR_MALFORMED);
    size_t len = (size_t)sprintf(big, "domain-list: [");
    for (int i = 0; i < LIMIT_CONF_LIST + 1; i++) {
        len += (size_t)sprintf(big + len, "a,");
    }
    len += (size_t)sprintf(big + len, "]");
    o = load(big, len, NULL, NULL);
    CU_ASSERT_EQUAL(o.ret, ERR_LIMIT);
    len = (size_t)sprintf(big, "rows: [");
    for (int i = 0; i < LIMIT_CONF_ROWS + 1; i++) {
        len += (size_t)sprintf(big + len, "{name: a},");
    }
    len += (size_t)sprintf(big + len, "]");
    o = load(big, len, NULL, NULL);
    CU_ASSERT_EQUAL(o.ret, ERR_LIMIT);
    free(big);
}

static void test_files(void)
{
    struct values v;
    struct err err;
    char path[128];
    struct conf_input input = {.file = "/nowhere/at-all.yaml"};

    CU_ASSERT_EQUAL(conf_load(&schema, &v, &input, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/at-all.yaml: No such file"));
    input.file = folder;
    CU_ASSERT_EQUAL(conf_load(&schema, &v, &input, &err), -EISDIR);
    snprintf(path, sizeof(path), "%s/secret", folder);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fclose(f);
    CU_ASSERT_EQUAL(chmod(path, 0), 0);
    input.file = path;
    int ret = conf_load(&schema, &v, &input, &err);
    CU_ASSERT_EQUAL(ret, geteuid() == 0 ? 0 : -EACCES); /* root reads everything */
    free(input.file_used);
    if (ret == 0) {
        conf_clear(&schema, &v);
    }
    unlink(path);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"YAML of every type", test_yaml},
        {"YAML that says nothing", test_yaml_empty},
        {"YAML 1.1, where that is wanted", test_yaml11},
        {"YAML refused, with its place and the cure", test_yaml_refused},
        {"bytes, depth and size", test_yaml_bytes},
        {"missing, unreadable, not a file", test_files},
    };

    return run_in_folder("conf_yaml", cases, sizeof(cases) / sizeof(cases[0]));
}

/*
 * The configuration engine: defaults, environment, command line, and its output. The file is
 * in test_conf_yaml.c.
 */
#include "common/option.h"
#include "conf_case.h"

static void test_defaults(void)
{
    struct outcome o = load(NULL, 0, NULL, NULL);

    CU_ASSERT_EQUAL_FATAL(o.ret, 0);
    CU_ASSERT(!o.v.debug && o.v.loud && o.v.days == 30);
    expect_string(o.v.path, "/var");
    expect_string(o.v.level, "LOW");
    CU_ASSERT_PTR_NULL(o.v.note);
    expect_strings(&o.v.domains, "");
    expect_strings(&o.v.words, "a|b|");
    CU_ASSERT_EQUAL(o.v.rows.count, 0);
    conf_clear(&schema, &o.v);
}

static void test_environment(void)
{
    const char *env[] = {"HOME=/root",         "TEST_DEBUG=true",    "TESTER=1",
                         "TEST_RENEW_DAYS=12", "TEST_WORDS= x ,, y", "TEST_DOMAIN_LIST=a,b c",
                         "TEST_NOTE=",         "TEST_SOCKET=/x",     NULL};
    const char *yaml = "note: n\nrenew-days: 5\nwords: [q]\n";
    struct outcome o = load(yaml, strlen(yaml), env, NULL);

    CU_ASSERT_EQUAL(o.ret, ERR_MALFORMED); /* an item between two commas is empty */
    CU_ASSERT_PTR_NOT_NULL(strstr(o.err.text, "variable TEST_WORDS: an entry"));
    env[4] = "TEST_WORDS= x ,y , ";
    o = load(yaml, strlen(yaml), env, NULL);
    CU_ASSERT_EQUAL_FATAL(o.ret, 0);
    CU_ASSERT(o.v.debug && o.v.days == 12);
    CU_ASSERT_PTR_NULL(o.v.note);
    expect_strings(&o.v.words, "x|y|");
    expect_strings(&o.v.domains, "a,b c|");
    conf_clear(&schema, &o.v);
}

static void test_environment_refused(void)
{
    static const struct {
        const char *variable, *part;
    } bad[] = {
        {"TEST_RENEW_DAY=1",
         "unknown variable 'TEST_RENEW_DAY' in the environment; did you mean TEST_RENEW_DAYS?"},
        {"TEST_=1", "unknown variable 'TEST_'"},
        {"TEST_ROWS=x", "variable TEST_ROWS: this can be given in the configuration file only"},
        {"TEST_RENEW_DAYS=x", "variable TEST_RENEW_DAYS: 'x' is not a whole number"},
        {"TEST_DEBUG=", "variable TEST_DEBUG: ''"},
        {"TEST_PATH=x", "variable TEST_PATH: a path begins with /"},
        {"TEST_PATH=", "variable TEST_PATH: the value is empty"},
        {"TEST_NOTE=\xff", "variable TEST_NOTE: the value is not UTF-8"},
        {"TEST_CONFIG=/nowhere/x", "/nowhere/x"},
    };
    char variable[64];
    const char *env[] = {variable, NULL};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(variable, sizeof(variable), "%s", bad[i].variable);
        struct outcome o = load(NULL, 0, env, NULL);
        CU_ASSERT(o.ret < 0);
        if (strstr(o.err.text, bad[i].part) == NULL) {
            fprintf(stderr, "%zu: %s\n", i, o.err.text);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(o.err.text, bad[i].part));
    }
}

static void test_arguments(void)
{
    const char *env[] = {"TEST_RENEW_DAYS=12", "TEST_DOMAIN_LIST=env", NULL};
    const char *args[] = {
        "get", "--debug", "certificate", "--renew-days=13", "-p", "/p",      "-D",
        "a,b", "--loud",  "false",       "--domain-list",   "c",  "--note",  "--odd",
        "-",   "--level", "LOW",         "--level=HIGH",    "--", "--debug", NULL};
    struct outcome o = load(NULL, 0, env, args);

    CU_ASSERT_EQUAL_FATAL(o.ret, 0);
    CU_ASSERT(o.v.debug && !o.v.loud && o.v.days == 13);
    expect_string(o.v.path, "/p");
    expect_string(o.v.note, "--odd");
    expect_string(o.v.level, "HIGH");
    expect_strings(&o.v.domains, "a,b|c|");
    CU_ASSERT_EQUAL_FATAL(o.word_count, 4);
    expect_string(o.words[0], "get");
    expect_string(o.words[1], "certificate");
    expect_string(o.words[2], "-");
    expect_string(o.words[3], "--debug");
    conf_clear(&schema, &o.v);
}

static void test_arguments_refused(void)
{
    static const struct {
        const char *arg, *part;
    } bad[] = {
        {"--renew-day=5", "unknown option '--renew-day=5'; did you mean --renew-days?"},
        {"--look-onyl", "did you mean --look-only?"},
        {"--look-only", "unknown option"}, /* the caller's, as --help */
        {"--zzzzzzzzzzzzzz", "the nearest known one is --"},
        {"-x", "unknown option '-x'; test --help lists"},
        {"-dp", "unknown option '-dp'"},
        {"--renew-days", "option --renew-days needs a value"},
        {"--config", "option --config needs a value"},
        {"-f", "option -f needs a value"},
        {"--config=", "option --config needs a value"},
        {"--renew-days=x", "option --renew-days: 'x' is not a whole number"},
        {"--rows=x", "option --rows: this can be given in the configuration file only"},
        {"--debug=maybe", "option --debug: 'maybe' is neither"},
        {"--path=", "option --path: the value is empty"},
        {"--help", "unknown option '--help'"},
        {"--=x", "unknown option '--=x'"},
    };
    char arg[64], *argv[] = {arg, NULL};
    const char *args[] = {arg, NULL};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(arg, sizeof(arg), "%s", bad[i].arg);
        struct outcome o = load(NULL, 0, NULL, args);
        CU_ASSERT(o.ret < 0);
        if (strstr(o.err.text, bad[i].part) == NULL) {
            fprintf(stderr, "%zu: %s\n", i, o.err.text);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(o.err.text, bad[i].part));
    }
    struct conf_input input = {.argc = 1, .argv = argv};
    struct values v;
    struct err err;
    snprintf(arg, sizeof(arg), "word");
    CU_ASSERT_EQUAL(conf_load(&schema, &v, &input, &err), ERR_UNKNOWN); /* no room for words */
}

static void test_file_named(void)
{
    char option[96], variable[96];
    char *args[] = {option, NULL}, *env[] = {variable, NULL};
    FILE *f = fopen(file, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("renew-days: 77\n", f);
    fclose(f);
    struct values v;
    struct conf_input input = {.argc = 1, .argv = args, .file = "/nowhere/x"};
    snprintf(option, sizeof(option), "--config-file=%s", file);
    CU_ASSERT_EQUAL_FATAL(conf_load(&schema, &v, &input, NULL), 0);
    CU_ASSERT_EQUAL(v.days, 77);
    expect_string(input.file_used, file);
    free(input.file_used);
    conf_clear(&schema, &v);
    snprintf(variable, sizeof(variable), "TEST_CONFIG_FILE=%s", file);
    input = (struct conf_input){.envp = env};
    CU_ASSERT_EQUAL_FATAL(conf_load(&schema, &v, &input, NULL), 0);
    CU_ASSERT_EQUAL(v.days, 77);
    free(input.file_used);
    conf_clear(&schema, &v);
}

static void test_asks(void)
{
    const char *const words[] = {"get", "-h", "--version", "--help", "--", "--help", NULL};
    char *argv[32];

    writable(argv, words);
    CU_ASSERT_EQUAL(option_asks(2, argv), 'h');
    CU_ASSERT_EQUAL(option_asks(2, argv + 2), 'V');
    CU_ASSERT_EQUAL(option_asks(2, argv + 4), 0);
    CU_ASSERT_EQUAL(option_asks(0, NULL), 0);
}

/* Values that YAML would take for something else, were they not quoted. */
static const char rich[] =
    "debug: true\nrenew-days: -1\nnote: \"q\\\"b\\\\ n\\n \xc3\xb8 \\u2028 \\x85 # : {}\"\n"
    "domain-list: ['~~', 'true', '- x']\nwords: []\n"
    "rows:\n  - name: x\n    items: [a, '*']\n  - name: '~'\n";

static char *print(const struct values *v)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    conf_print(&schema, v, out);
    fclose(out);
    return text;
}

static void test_print(void)
{
    struct outcome o = load_yaml(rich);
    CU_ASSERT_EQUAL_FATAL(o.ret, 0);
    char *first = print(&o.v);
    struct outcome again = load_yaml(first);
    CU_ASSERT_EQUAL(again.ret, 0);
    if (again.ret != 0) {
        fprintf(stderr, "%s\n%s\n", again.err.text, first);
    } else {
        char *second = print(&again.v);
        CU_ASSERT_STRING_EQUAL(first, second);
        expect_string(again.v.note, o.v.note);
        expect_strings(&again.v.words, "");
        expect_strings(&again.v.domains, "~~|true|- x|");
        CU_ASSERT_EQUAL(again.v.rows.count, 2);
        free(second);
        conf_clear(&schema, &again.v);
    }
    free(first);
    conf_clear(&schema, &o.v);
}

static void test_pack(void)
{
    static uint8_t buf[LIMIT_MESSAGE];
    struct outcome o = load_yaml(rich);
    struct msg_writer w;
    struct msg_reader r;
    struct values v;

    CU_ASSERT_EQUAL_FATAL(o.ret, 0);
    msg_begin(&w, buf, sizeof(buf), 1);
    conf_pack(&schema, &o.v, &w);
    int len = msg_end(&w);
    CU_ASSERT_FATAL(len > 0);
    msg_open(&r, buf, (size_t)len);
    CU_ASSERT_EQUAL_FATAL(conf_unpack(&schema, &v, &r), 0);
    CU_ASSERT_EQUAL(msg_done(&r), 0);
    char *first = print(&o.v), *second = print(&v);
    CU_ASSERT_STRING_EQUAL(first, second);
    free(first);
    free(second);
    conf_clear(&schema, &v);
    conf_clear(&schema, &o.v);

    for (size_t n = 4; n < (size_t)len; n++) { /* cut anywhere: refused, nothing kept */
        uint8_t *copy = malloc(n);
        memcpy(copy, buf, n);
        msg_open(&r, copy, n);
        CU_ASSERT(conf_unpack(&schema, &v, &r) < 0);
        CU_ASSERT(is_empty(&v));
        free(copy);
    }
    for (size_t i = 4; i < (size_t)len;
         i++) { /* each byte changed: refused or taken, never worse */
        uint8_t old = buf[i];
        buf[i] = (uint8_t)(old ^ 0xff);
        msg_open(&r, buf, (size_t)len);
        if (conf_unpack(&schema, &v, &r) == 0) {
            conf_clear(&schema, &v);
        }
        buf[i] = old;
    }
}

static void test_help(void)
{
    char *text = NULL, *line;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    conf_help(&schema, out);
    fclose(out);
    for (size_t i = 0; i < schema.count; i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(text, options[i].key));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, options[i].help));
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "-5 to 365 days. Default: 30"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "One of LOW, HIGH."));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "A list; each entry has these keys:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "  --look-only\n      Look only.\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "TEST_KEY_NAME"));
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CU_ASSERT(strlen(line) <= 80);
    }
    free(text);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"defaults", test_defaults},
        {"environment", test_environment},
        {"environment refused", test_environment_refused},
        {"command line", test_arguments},
        {"command line refused", test_arguments_refused},
        {"the file is named by option or variable", test_file_named},
        {"help and version are asked for", test_asks},
        {"what is printed reads back the same", test_print},
        {"through a message, and a broken one", test_pack},
        {"help fits 80 columns", test_help},
    };

    return run_in_folder("conf", cases, sizeof(cases) / sizeof(cases[0]));
}

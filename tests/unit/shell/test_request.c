/* What a stranger may say to certmill-shell, and what it may hand over. */
#include "shell/request.h"

#include <CUnit/Basic.h>
#include <string.h>

#include "common/words.h"

static struct err err;

static int parse(struct request *out, const char *text)
{
    static struct words words;
    words_clear(&words);
    err = (struct err){0};
    CU_ASSERT_EQUAL_FATAL(words_split(&words, text, " ", &err), 0);
    return request_parse(out, words.items, words.count, &err);
}

/* Whether text is refused and the message holds what. */
static int refused(const char *text, const char *what)
{
    struct request r;
    return parse(&r, text) == ERR_UNKNOWN && strstr(err.text, what) != NULL;
}

static void test_commands(void)
{
    static const char *const known[] = {
        "ping",          "get certificate",  "get ocsp",           "show csr",
        "help",          "show certificate", "show configuration", "show acmeaccount",
        "version",       "get renewal-info", "revoke certificate", "revoke request",
        "revoke signed",
    };
    struct request r;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        CU_ASSERT_EQUAL(parse(&r, known[i]), 0);
        CU_ASSERT_STRING_EQUAL(r.op->name, known[i]);
        CU_ASSERT_EQUAL(r.level, LOG_LEVEL_INFO);
        CU_ASSERT_FALSE(r.staging);
        CU_ASSERT_PTR_NULL(r.acme_server_url);
    }
}

/* check takes names, up to the next option. */
static void test_names(void)
{
    struct request r;
    CU_ASSERT_EQUAL(parse(&r, "-l DEBUG check a.example '*.b.example' --staging"), 0);
    CU_ASSERT_STRING_EQUAL(r.op->name, "check");
    CU_ASSERT_EQUAL(r.name_count, 2);
    CU_ASSERT_STRING_EQUAL(r.names[1], "*.b.example");
    CU_ASSERT_TRUE(r.staging);
    CU_ASSERT_TRUE(refused("check", "needs the names"));
    CU_ASSERT_TRUE(refused("check --staging", "needs the names"));
    CU_ASSERT_TRUE(
        refused("check a.example --staging b.example", "'b.example' is one word too many"));
}

static void test_options(void)
{
    struct request r;
    CU_ASSERT_EQUAL(parse(&r, "--log-level DEBUG --acme-server-url https://ca.example/dir "
                              "--preferred-chain ISRG_Root_X1 --staging get certificate"),
                    0);
    CU_ASSERT_EQUAL(r.level, LOG_LEVEL_DEBUG);
    CU_ASSERT_TRUE(r.staging);
    CU_ASSERT_STRING_EQUAL(r.acme_server_url, "https://ca.example/dir");
    CU_ASSERT_STRING_EQUAL(r.preferred_chain, "ISRG_Root_X1");
    CU_ASSERT_EQUAL(parse(&r, "get --log-level=ERROR certificate --preferred-chain='A B' -s"), 0);
    CU_ASSERT_EQUAL(r.level, LOG_LEVEL_ERROR);
    CU_ASSERT_STRING_EQUAL(r.preferred_chain, "A B");
    CU_ASSERT_TRUE(r.staging);
    CU_ASSERT_EQUAL(parse(&r, "revoke request --reason keyCompromise"), 0);
    CU_ASSERT_STRING_EQUAL(r.reason, "keyCompromise");
    CU_ASSERT_EQUAL(parse(&r, "-l WARNING ping"), 0);
    CU_ASSERT_PTR_NULL(r.reason);
    CU_ASSERT_EQUAL(r.level, LOG_LEVEL_WARNING);
    CU_ASSERT_FALSE(r.force);
    CU_ASSERT_EQUAL(parse(&r, "get certificate --force --authority letsencrypt --profile=classic"),
                    0);
    CU_ASSERT_TRUE(r.force);
    CU_ASSERT_STRING_EQUAL(r.authority, "letsencrypt");
    CU_ASSERT_STRING_EQUAL(r.profile, "classic");
    CU_ASSERT_EQUAL(parse(&r, "-lCRITICAL ping"), 0);
    CU_ASSERT_EQUAL(r.level, LOG_LEVEL_CRITICAL);
}

/* As options too, as everywhere; whatever follows. */
static void test_asked(void)
{
    struct request r;
    static const char *const words[] = {"--help", "-h", "get --help", "--help no such words"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CU_ASSERT_EQUAL(parse(&r, words[i]), 0);
        CU_ASSERT_STRING_EQUAL(r.op->name, "help");
    }
    CU_ASSERT_EQUAL(parse(&r, "--version"), 0);
    CU_ASSERT_STRING_EQUAL(r.op->name, "version");
    CU_ASSERT_TRUE(refused("--help=x", "option '--help=x'"));
}

static void test_refused(void)
{
    static const char *const options[] = {
        "--auth-hook=x",
        "--certbot-command",
        "--config-file",
        "--socket",
        "--domains",
        "--domains=x.example",
        "--client",
        "--client=web1",
        "--force=1",
        "--forced",
        "-f",
        "-d",
        "--",
        "--staging=1",
        "--log-levelx",
        "--acme-zone",
        "-",
        "-sx",
        "--csr-file",
    };
    char text[128], named[64];
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        snprintf(text, sizeof(text), "%s get certificate", options[i]);
        snprintf(named, sizeof(named), "option '%s' is not taken", options[i]);
        CU_ASSERT_TRUE(refused(text, named));
    }
    CU_ASSERT_TRUE(refused("", "no command"));
    CU_ASSERT_TRUE(refused("--staging", "no command"));
    CU_ASSERT_TRUE(refused("get", "get needs a second word"));
    CU_ASSERT_TRUE(refused("get certificate;id", "'certificate;id' is not taken after get"));
    CU_ASSERT_TRUE(refused("get certificate; id", "'certificate;' is not taken after get"));
    CU_ASSERT_TRUE(refused("get certificate id", "'id' is one word too many"));
    CU_ASSERT_TRUE(refused("get csr", "'csr' is not taken after get"));
    CU_ASSERT_TRUE(refused("ping pong", "'pong' is one word too many"));
    CU_ASSERT_TRUE(refused("sh -c id", "option '-c'"));
    CU_ASSERT_TRUE(refused("sh", "'sh' is no command"));
    CU_ASSERT_TRUE(refused("PING", "'PING' is no command"));
    CU_ASSERT_TRUE(refused("''", "'' is no command"));
    CU_ASSERT_TRUE(refused("get", "one of certificate, renewal-info, ocsp"));
    CU_ASSERT_TRUE(refused("get csr", "but certificate, renewal-info, ocsp"));
    CU_ASSERT_TRUE(refused("png", "'png' is no command; did you mean 'ping'?"));
    CU_ASSERT_TRUE(refused("gte certificate", "did you mean 'get certificate'?"));
    CU_ASSERT_TRUE(refused("--stagin get certificate", "did you mean --staging?"));
    CU_ASSERT_TRUE(refused("--bogus ping", "taken are --log-level LEVEL, --staging, "));
    CU_ASSERT_TRUE(refused("sh", "taken are ping, get certificate, "));
    CU_ASSERT_TRUE(refused("ping --log-level", "--log-level needs a value"));
    CU_ASSERT_TRUE(refused("ping --log-level=", "the value of --log-level is empty"));
    CU_ASSERT_TRUE(refused("ping --log-level loud", "'loud' is no log level"));
    CU_ASSERT_TRUE(refused("--preferred-chain '' ping", "empty"));
}

static void test_long_url(void)
{
    struct request r;
    char text[LIMIT_COMMAND];
    int n = snprintf(text, sizeof(text), "ping --acme-server-url ");
    memset(text + n, 'u', LIMIT_URL + 1);
    text[n + LIMIT_URL + 1] = '\0';
    CU_ASSERT_EQUAL(parse(&r, text), ERR_LIMIT);
    text[n + LIMIT_URL] = '\0';
    CU_ASSERT_EQUAL(parse(&r, text), 0);
}

#define CSR "-----BEGIN CERTIFICATE REQUEST-----\nMIH2\n-----END CERTIFICATE REQUEST-----\n"
#define OLD_CSR                                                                                    \
    "-----BEGIN NEW CERTIFICATE REQUEST-----\nMIH2\n-----END NEW CERTIFICATE REQUEST-----\n"
#define CHAIN "-----BEGIN CERTIFICATE-----\nMIH2\n-----END CERTIFICATE-----\n"

static int input(enum request_input kind, const char *text)
{
    err = (struct err){0};
    return request_check_input(kind, text, strlen(text), &err);
}

static void test_input(void)
{
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, CSR), 0);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, OLD_CSR), 0);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, "x\r\n" CSR "\n\n"), 0);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CHAIN, CHAIN CHAIN), 0);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_NONE, ""), 0);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_JWS, "\n{\"protected\":\"e30\"}\n"), 0);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_JWS, ""), ERR_MALFORMED);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_JWS, CHAIN), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no signed request as JSON"));
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, ""), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no CSR on standard input"));
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, " \n"), ERR_MALFORMED);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, CSR CSR), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2 CSRs"));
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, CHAIN), ERR_MALFORMED);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CHAIN, CSR), ERR_MALFORMED);
    CU_ASSERT_EQUAL(input(REQUEST_INPUT_CSR, CSR "\xff"), ERR_MALFORMED);
    CU_ASSERT_EQUAL(request_check_input(REQUEST_INPUT_CSR, "a\0" CSR, 2 + strlen(CSR), &err),
                    ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "octet 2 is \\x00"));
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("request", NULL, NULL);
    CU_add_test(suite, "commands", test_commands);
    CU_add_test(suite, "names", test_names);
    CU_add_test(suite, "options", test_options);
    CU_add_test(suite, "refused", test_refused);
    CU_add_test(suite, "help and version", test_asked);
    CU_add_test(suite, "long url", test_long_url);
    CU_add_test(suite, "input", test_input);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

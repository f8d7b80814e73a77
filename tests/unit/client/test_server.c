/* The server's command: what it is given, and whatever it may do. */
#include "client/server.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/server_argv.h"

static struct settings settings;
static struct err err;
static char *output;
static size_t output_len;
static char heard[4096];
static unsigned lines_heard;

static void line(void *arg, enum log_level level, const char *message)
{
    size_t at = strlen(heard);
    (void)arg;
    lines_heard++;
    snprintf(heard + at, sizeof(heard) - at, "%s:%s|", log_level_name(level), message);
}

/* Runs the shell script as the server. */
static int run(const char *script, const char *input, int timeout_ms)
{
    static char command[1024];
    struct server_call call = {.settings = &settings,
                               .first = "get",
                               .second = "certificate",
                               .input = input,
                               .input_len = strlen(input),
                               .timeout_ms = timeout_ms,
                               .line = line};
    snprintf(command, sizeof(command), "sh -c '%s' server", script);
    settings.server = command;
    free(output);
    output = NULL;
    heard[0] = '\0';
    err = (struct err){0};
    return server_run(&output, &output_len, &call, &err);
}

static void test_argv(void)
{
    char url[] = "https://ca.example/dir", chain[] = "ISRG Root X1", level[] = "WARNING";
    char command[] = "ssh -o 'User Known=x' host", authority[] = "le", profile[] = "shortlived";
    struct settings s = {.certgrinderd = command,
                         .log_level = level,
                         .acme_server_url = url,
                         .preferred_chain = chain,
                         .authority = authority,
                         .profile = profile,
                         .staging = true};
    char *names[] = {(char[]){"a.example"}, (char[]){"b.example"}};
    struct server_call call = {
        .settings = &s, .first = "check", .more = names, .more_count = 2, .force = true};
    const char *const expected[] = {
        "ssh",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=30",
        "-o",
        "User Known=x",
        "host",
        "--",
        "--log-level",
        "WARNING",
        "--acme-server-url",
        url,
        "--authority",
        "le",
        "--profile",
        "shortlived",
        "--preferred-chain",
        "ISRG_Root_X1",
        "--staging",
        "--force",
        "check",
        "a.example",
        "b.example",
    };
    char **argv;
    CU_ASSERT_EQUAL_FATAL(server_argv(&argv, &call, &err), 0);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        CU_ASSERT_STRING_EQUAL(argv[i], expected[i]);
    }
    CU_ASSERT_PTR_NULL(argv[sizeof(expected) / sizeof(expected[0])]);
    free(argv);
    s.certgrinderd = NULL;
    CU_ASSERT_EQUAL(server_argv(&argv, &call, &err), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "certgrinderd is not set"));
}

static void test_good(void)
{
    CU_ASSERT_EQUAL(run("cat; echo \"$*\"", "CSR\n", 20000), 0);
    CU_ASSERT_STRING_EQUAL(output, "CSR\n--log-level INFO get certificate\n");
    CU_ASSERT_EQUAL(output_len, strlen(output));
    CU_ASSERT_EQUAL(run("echo pong", "", 20000), 0);
    CU_ASSERT_STRING_EQUAL(output, "pong\n");
}

static void test_log_lines(void)
{
    CU_ASSERT_EQUAL(run("echo 2026-11-21 01:46:18 +0000 certgrinderd WARNING careful now >&2; "
                        "printf \"a warning of ssh\\\\r\\\\n\\\\nlast\" >&2",
                        "", 20000),
                    0);
    CU_ASSERT_STRING_EQUAL(heard, "WARNING:careful now|INFO:a warning of ssh|INFO:last|");
    CU_ASSERT_EQUAL(run("head -c 100000 /dev/zero | tr \"\\\\0\" x >&2", "", 20000), 0);
    lines_heard = 0;
    CU_ASSERT_EQUAL(run("yes | head -n 100000 >&2; echo out", "", 20000), 0);
    CU_ASSERT_EQUAL(lines_heard, 2000); /* one that never stops does not fill the log */
    CU_ASSERT_STRING_EQUAL(output, "out\n");
}

static void test_log_line(void)
{
    enum log_level level;
    CU_ASSERT_STRING_EQUAL(server_line("2026-11-21 01:46:18 +0000 x ERROR m n", &level), "m n");
    CU_ASSERT_EQUAL(level, LOG_LEVEL_ERROR);
    static const char *const plain[] = {
        "",
        "2026-11-21",
        "2026-11-21 01:46:18 +0000 x",
        "2026-11-21 01:46:18 +0000 x ERROR",
        "2026-11-21 01:46:18 +0000 x LOUD m",
        "Permission denied (publickey) for x ERROR y",
        "2026-11-21 01:46:18 +0000 x EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE m",
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        CU_ASSERT_PTR_EQUAL(server_line(plain[i], &level), plain[i]);
        CU_ASSERT_EQUAL(level, LOG_LEVEL_INFO);
    }
}

static void test_failures(void)
{
    CU_ASSERT_EQUAL(run("echo 2026-11-21 01:46:18 +0000 s ERROR not yours >&2; exit 4", "", 20000),
                    ERR_POLICY);
    CU_ASSERT_STRING_EQUAL(err.text, "the server does not permit it: not yours");
    CU_ASSERT_PTR_NULL(output);
    CU_ASSERT_EQUAL(run("echo no certificate for a.example >&2; "
                        "echo 2026-11-21 01:46:18 +0000 s ERROR too many, try again at "
                        "2026-11-21 22:46:18 UTC. >&2; echo bye >&2; exit 9",
                        "", 20000),
                    ERR_LATER);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "a limit of the server\'s or the CA\'s: too many, try again at "
                           "2026-11-22 04:16:18 IST.");
    CU_ASSERT_EQUAL(run("exit 3", "", 20000), ERR_MALFORMED);
    CU_ASSERT_EQUAL(run("exit 5", "", 20000), ERR_CA);
    CU_ASSERT_EQUAL(run("exit 7", "", 20000), ERR_CANCELLED);
    CU_ASSERT_EQUAL(run("echo Permission denied >&2; exit 255", "", 20000), ERR_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(err.text, "ssh did not reach the server: Permission denied");
    CU_ASSERT_EQUAL(run("exit 77", "", 20000), ERR_UNAVAILABLE);
    CU_ASSERT_EQUAL(run("kill -9 $$", "", 20000), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "signal 9"));
    char missing[] = "/nonexistent/ssh -T x";
    struct server_call call = {.settings = &settings, .first = "ping", .timeout_ms = 20000};
    settings.server = missing;
    CU_ASSERT_EQUAL(server_run(&output, &output_len, &call, &err), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/ssh: No such file"));
}

static void test_too_much(void)
{
    CU_ASSERT_EQUAL(run("cat /dev/zero", "", 20000), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 256 KiB"));
    CU_ASSERT_EQUAL(run("head -c 262144 /dev/zero", "", 20000), 0);
    CU_ASSERT_EQUAL(output_len, 262144);
    CU_ASSERT_EQUAL(run("head -c 262145 /dev/zero", "", 20000), ERR_LIMIT);
}

static void test_binary(void)
{
    CU_ASSERT_EQUAL(run("printf \"\\060\\0\\377\\n\"", "", 20000), 0);
    CU_ASSERT_EQUAL_FATAL(output_len, 4);
    CU_ASSERT_EQUAL(memcmp(output, "\060\0\377\n", 5), 0);
}

static void test_never_ends(void)
{
    CU_ASSERT_EQUAL(run("exec sleep 100", "", 50), ERR_TIMEOUT);
    /* Nor does one that reads nothing of a large input, or that leaves a child behind. */
    char *large = malloc(200001);
    memset(large, 'x', 200000);
    large[200000] = '\0';
    CU_ASSERT_EQUAL(run("exit 0", large, 20000), 0);
    CU_ASSERT_EQUAL(run("wc -c", large, 20000), 0);
    CU_ASSERT_EQUAL(atol(output), 200000);
    free(large);
    CU_ASSERT_EQUAL(run("sleep 5 & echo done; echo said >&2", "", 20000), 0);
    CU_ASSERT_STRING_EQUAL(output, "done\n");
    CU_ASSERT_STRING_EQUAL(heard, "INFO:said|");
}

int main(void)
{
    char level[] = "INFO";
    settings.log_level = level;
    signal(SIGPIPE, SIG_IGN);
    setenv("TZ", "IST-5:30", 1);
    tzset();
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("server", NULL, NULL);
    CU_add_test(suite, "argv", test_argv);
    CU_add_test(suite, "good", test_good);
    CU_add_test(suite, "log lines", test_log_lines);
    CU_add_test(suite, "log line", test_log_line);
    CU_add_test(suite, "failures", test_failures);
    CU_add_test(suite, "too much", test_too_much);
    CU_add_test(suite, "binary", test_binary);
    CU_add_test(suite, "never ends", test_never_ends);
    CU_basic_run_tests();
    free(output);
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

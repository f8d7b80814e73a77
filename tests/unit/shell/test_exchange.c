/* certmill-shell against a server that says what each case wants it to. */
#include "shell/exchange.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/certmill-exchange-XXXXXX";
static char path[128];

struct outcome {
    int status;
    char out[4096], log[8192];
};

static int listen_at(const char *at)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(at);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", at);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0) {
        abort();
    }
    return fd;
}

/* The server end: takes one request line and says answer, in pieces. */
static void serve(int listener, const char *answer, size_t len)
{
    int fd = accept(listener, NULL, NULL);
    char c = 0;
    while (c != '\n' && read(fd, &c, 1) == 1) {
    }
    for (size_t i = 0; i < len; i += 50) {
        size_t n = len - i < 50 ? len - i : 50;
        if (write(fd, answer + i, n) < 0) {
            break;
        }
    }
    _exit(0);
}

static void slurp(FILE *file, char *dst, size_t cap)
{
    rewind(file);
    dst[fread(dst, 1, cap - 1, file)] = '\0';
    fclose(file);
}

/* In a child of its own, since the exchange gives up what the test still needs. */
static struct outcome exchange(const char *command, char second[], const char *answer, size_t len)
{
    struct outcome o = {0};
    char first[32];
    snprintf(first, sizeof(first), "%s", command);
    char *words[] = {first, second};
    struct request request;
    FILE *out = tmpfile(), *log = tmpfile();
    int listener = answer != NULL ? listen_at(path) : -1;
    pid_t server = -1, asker;
    if (answer == NULL) {
        unlink(path);
    } else if ((server = fork()) == 0) {
        serve(listener, answer, len);
    }
    CU_ASSERT_EQUAL_FATAL(request_parse(&request, words, second != NULL ? 2 : 1, NULL), 0);
    if ((asker = fork()) == 0) {
        struct shell shell = {.socket = path, .client = "local", .level = LOG_LEVEL_INFO};
        shell.out = fileno(out);
        shell.log = fileno(log);
        _exit(exchange_run(&shell, &request, NULL));
    }
    if (listener >= 0) {
        close(listener);
    }
    waitpid(asker, &o.status, 0);
    o.status = WIFEXITED(o.status) ? WEXITSTATUS(o.status) : -WTERMSIG(o.status);
    if (server > 0) {
        waitpid(server, NULL, 0);
    }
    slurp(out, o.out, sizeof(o.out));
    slurp(log, o.log, sizeof(o.log));
    return o;
}

static struct outcome get(const char *answer)
{
    char second[] = "certificate";
    return exchange("get", second, answer, answer == NULL ? 0 : strlen(answer));
}

static void test_good(void)
{
    struct outcome o = get("{\"event\":\"log\",\"time\":\"2026-11-21T01:46:18.123456Z\",\"level\":"
                           "\"INFO\",\"order\":17,\"message\":\"published\\nfor\\u001bged\"}\n"
                           "{\"event\":\"log\",\"level\":\"DEBUG\",\"message\":\"quiet\"}\n"
                           "{\"event\":\"progress\",\"x\":1}\n"
                           "{\"result\":\"ok\",\"output\":\"CHAIN\\n\"}\n");
    CU_ASSERT_EQUAL(o.status, SHELL_OK);
    CU_ASSERT_STRING_EQUAL(o.out, "CHAIN\n");
    CU_ASSERT_STRING_EQUAL(o.log, "2026-11-21 01:46:18 +0000 certmill-shell INFO published\n"
                                  "2026-11-21 01:46:18 +0000 certmill-shell INFO for\\x1bged\n");
}

static void test_binary(void)
{
    static const struct {
        const char *base64, *octets;
        size_t len;
    } good[] = {{"", "", 0},
                {"AA==", "\0", 1},
                {"AP8=", "\0\xff", 2},
                {"MAp/+w==", "0\n\x7f\xfb", 4},
                {"/+/v", "\xff\xef\xef", 3}};
    static const char *const bad[] = {
        "A", "AA", "AAA", "A===", "AA-_", "AA=A", "AAAA\\nAAAA", "===="};
    const struct shell shell = {.log = -1};
    char line[128];
    struct err err = {0};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct exchange_answer answer = {0};
        int n = snprintf(line, sizeof(line), "{\"result\":\"ok\",\"output_base64\":\"%s\"}",
                         good[i].base64);
        CU_ASSERT_EQUAL_FATAL(exchange_take(&answer, &shell, line, (size_t)n, &err), 0);
        CU_ASSERT(answer.done && answer.status == SHELL_OK && answer.output_len == good[i].len);
        CU_ASSERT_EQUAL(memcmp(answer.output, good[i].octets, good[i].len), 0);
        free(answer.output);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct exchange_answer answer = {0};
        int n =
            snprintf(line, sizeof(line), "{\"result\":\"ok\",\"output_base64\":\"%s\"}", bad[i]);
        CU_ASSERT_EQUAL(exchange_take(&answer, &shell, line, (size_t)n, &err), ERR_PROTOCOL);
        free(answer.output);
    }
}

static void test_ping(void)
{
    struct outcome o = exchange("ping", NULL, "{\"result\":\"ok\"}\n", 16);
    CU_ASSERT_EQUAL(o.status, SHELL_OK);
    CU_ASSERT_STRING_EQUAL(o.out, "pong\n");
    CU_ASSERT_STRING_EQUAL(o.log, "");
}

static void test_kinds(void)
{
    static const char *const kinds[] = {"internal", "usage",       "input",      "policy",
                                        "ca",       "unavailable", "interrupted"};
    char answer[256];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(answer, sizeof(answer),
                 "{\"result\":\"error\",\"kind\":\"%s\",\"message\":\"why\"}\n", kinds[i]);
        struct outcome o = get(answer);
        CU_ASSERT_EQUAL(o.status, (int)i + 1);
        CU_ASSERT_STRING_EQUAL(o.out, "");
        CU_ASSERT_PTR_NOT_NULL(strstr(o.log, " certmill-shell ERROR why\n"));
    }
    CU_ASSERT_EQUAL(get("{\"result\":\"error\",\"kind\":\"new\"}\n").status, SHELL_INTERNAL);
    CU_ASSERT_EQUAL(get("{\"result\":\"error\"}\n").status, SHELL_INTERNAL);
}

static void test_server_gone(void)
{
    struct outcome o = get(NULL);
    CU_ASSERT_EQUAL(o.status, SHELL_NO_SERVER);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.log, "is certmilld running?"));
    o = get("");
    CU_ASSERT_EQUAL(o.status, SHELL_INTERRUPTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.log, "without a result"));
    o = get("{\"result\":\"ok\",\"output\":\"CHA");
    CU_ASSERT_EQUAL(o.status, SHELL_NO_SERVER);
    CU_ASSERT_STRING_EQUAL(o.out, "");
}

/* It is restarted just now: its socket comes a moment later. */
static void test_server_restarted(void)
{
    char first[] = "ping", *words[] = {first}, parked[160];
    struct request request;
    int out[2], status;
    snprintf(parked, sizeof(parked), "%s.new", path);
    unlink(path);
    int listener = listen_at(parked);
    CU_ASSERT_EQUAL_FATAL(request_parse(&request, words, 1, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(out), 0);
    pid_t server = fork(), asker;
    if (server == 0) {
        serve(listener, "{\"result\":\"ok\"}\n", 16);
    }
    close(listener);
    if ((asker = fork()) == 0) {
        struct shell shell = {
            .socket = path, .patience_ms = 60000, .client = "local", .out = out[1], .log = out[1]};
        _exit(exchange_run(&shell, &request, NULL));
    }
    poll(NULL, 0, 120); /* the asker has tried by then, or else has it easier */
    CU_ASSERT_EQUAL(rename(parked, path), 0);
    waitpid(asker, &status, 0);
    waitpid(server, NULL, 0);
    CU_ASSERT_EQUAL(status, 0);
    close(out[0]);
    close(out[1]);
    /* Where not even its folder is there nobody waits. */
    struct shell elsewhere = {
        .socket = "/nonexistent/submit.sock", .patience_ms = 60000, .log = -1, .client = "local"};
    CU_ASSERT_EQUAL(exchange_run(&elsewhere, &request, NULL), SHELL_NO_SERVER);
}

static void test_broken_answers(void)
{
    CU_ASSERT_EQUAL(get("hello\n").status, SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(get("[1]\n").status, SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(get("{}\n").status, SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(get("\n").status, SHELL_NO_SERVER);
    CU_ASSERT_EQUAL(get("{\"result\":\"ok\",\"result\":\"ok\"}\n").status, SHELL_NO_SERVER);
    char *flood = malloc(LIMIT_SUBMIT_LINE + 100);
    memset(flood, 'x', LIMIT_SUBMIT_LINE + 100);
    char second[] = "ocsp";
    CU_ASSERT_EQUAL(exchange("get", second, flood, LIMIT_SUBMIT_LINE + 100).status,
                    SHELL_NO_SERVER);
    free(flood);
}

static void test_encode(void)
{
    char *words[] = {(char[]){"get"}, (char[]){"certificate"}, (char[]){"--staging"},
                     (char[]){"--preferred-chain=A \xc3\xb8"}};
    struct shell shell = {.domains = "a.example", .client = "::1"};
    struct request request;
    struct err err = {0};
    char *line;
    CU_ASSERT_EQUAL_FATAL(request_parse(&request, words, 4, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(exchange_encode(&line, &shell, &request, "CSR\n", &err), 0);
    CU_ASSERT_PTR_NULL(strchr(line, '\n'));
    json_t *object = json_loads(line, 0, NULL);
    CU_ASSERT_EQUAL(json_object_size(object), 7);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(object, "v")), 1);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "op")), "get certificate");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "domains")), "a.example");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "input")), "CSR\n");
    CU_ASSERT_TRUE(json_is_true(json_object_get(object, "staging")));
    json_decref(object);
    free(line);
    shell.domains = "\xff";
    CU_ASSERT_EQUAL(exchange_encode(&line, &shell, &request, "CSR\n", &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NULL(line);
}

static int set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    setenv("TZ", "UTC", 1);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/submit.sock", folder);
    return 0;
}

static int tear_down(void)
{
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("exchange", set_up, tear_down);
    CU_add_test(suite, "good", test_good);
    CU_add_test(suite, "ping", test_ping);
    CU_add_test(suite, "RFC 4648 4: binary output", test_binary);
    CU_add_test(suite, "kinds", test_kinds);
    CU_add_test(suite, "server gone", test_server_gone);
    CU_add_test(suite, "server restarted", test_server_restarted);
    CU_add_test(suite, "broken answers", test_broken_answers);
    CU_add_test(suite, "encode", test_encode);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

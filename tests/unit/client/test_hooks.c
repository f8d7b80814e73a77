/* Hooks, real scripts: their order, what they are given, and whatever they may do. */
#include "client/hooks.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/common/folder.h"

static char base[] = "/tmp/certmill-hooks-XXXXXX";
static char folder[64], trace[64], dir[64];
static struct log *log_;
static int log_file;
static struct report report;
static struct err err;

static char name0[] = "www.example.org", name1[] = "mail.example.org", name2[] = "*.example.net";
static char certs[] = "/etc/certs";
static char *www[] = {name0, name1}, *wild[] = {name2};
static const struct set sets[] = {{.names = www, .count = 2, .name = "www.example.org"},
                                  {.names = wild, .count = 1, .name = "*.example.net"}};
static const struct hooks_change changes[] = {
    {&sets[0], KEY_RSA, NULL}, {&sets[0], KEY_ECDSA, NULL}, {&sets[1], KEY_RSA, NULL}};

static void fresh(void)
{
    folder_remove(folder);
    snprintf(folder, sizeof(folder), "%s/f", base);
    snprintf(trace, sizeof(trace), "%s/f/trace", base);
    snprintf(dir, sizeof(dir), "%s/f/hooks", base);
    if (mkdir(folder, 0700) < 0 || mkdir(dir, 0700) < 0 || setenv("TRACE", trace, 1) < 0 ||
        ftruncate(log_file, 0) < 0) {
        abort();
    }
    lseek(log_file, 0, SEEK_SET);
    err = (struct err){0};
}

static void put(const char *name, const char *text, mode_t mode)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "%s", text) < 0 || fchmod(fd, mode) < 0) {
        abort();
    }
    close(fd);
}

static const char *slurp(int fd)
{
    static char text[65536];
    ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static const char *logged(void)
{
    return slurp(log_file);
}

static const char *traced(void)
{
    int fd = open(trace, O_RDONLY | O_CLOEXEC);
    const char *text = slurp(fd);
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

/* Runs one command, or the folder where it is NULL, or both. */
static int run(const char *command, const char *in, const char *runner, int64_t timeout)
{
    char *items[] = {(char *)command};
    struct settings settings = {.path = certs,
                                .hook_timeout = timeout,
                                .post_renew_hooks = {items, command != NULL ? 1 : 0},
                                .post_renew_hooks_dir = (char *)in,
                                .post_renew_hooks_dir_runner = (char *)runner};
    err = (struct err){0};
    return hooks_run(&settings, &report, changes, 3, &err);
}

static void test_order(void)
{
    fresh();
    put("20-b", "#!/bin/sh\necho b >>$TRACE\n", 0700);
    put("10-a", "#!/bin/sh\necho a >>$TRACE\n", 0700);
    put("Z", "#!/bin/sh\necho Z >>$TRACE\n", 0755);
    put("a", "#!/bin/sh\necho small >>$TRACE\n", 0700);
    put("no-program", "echo wrong >>$TRACE\n", 0600);
    put(".hidden", "#!/bin/sh\necho wrong >>$TRACE\n", 0700);
    put("a~", "#!/bin/sh\necho wrong >>$TRACE\n", 0700);
    put("a.dpkg-old", "#!/bin/sh\necho wrong >>$TRACE\n", 0700);
    put("#a#", "#!/bin/sh\necho wrong >>$TRACE\n", 0700);
    CU_ASSERT_EQUAL(run("sh -c 'echo \"$0\" >>$TRACE' 'first one'", dir, NULL, 20), 0);
    CU_ASSERT_STRING_EQUAL(traced(), "first one\na\nb\nZ\nsmall\n");
}

static void test_runner(void)
{
    char sub[80];
    fresh();
    snprintf(sub, sizeof(sub), "%s/folder", dir);
    put("b", "echo b $1 >>$TRACE\n", 0600);
    put("a", "echo a $1 >>$TRACE\n", 0600);
    CU_ASSERT_EQUAL(mkdir(sub, 0700), 0);
    CU_ASSERT_EQUAL(run(NULL, dir, "/bin/sh", 20), 0);
    CU_ASSERT_STRING_EQUAL(traced(), "a\nb\n");
    CU_ASSERT_EQUAL(run(NULL, dir, "/bin/sh -e", 20), 0);
    CU_ASSERT_STRING_EQUAL(traced(), "a\nb\na\nb\n");
    CU_ASSERT_EQUAL(run(NULL, dir, "/nonexistent/sh", 20), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "hooks/a cannot be run: No such file"));
}

static void test_environment(void)
{
    fresh();
    setenv("CERTMILL_NAMES", "wrong", 1);
    CU_ASSERT_EQUAL(
        run("sh -c 'env | sort | grep -A2 ^CERTMILL_ >>$TRACE; cat >>$TRACE'", NULL, NULL, 20), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(traced(), "CERTMILL_NAMES=www.example.org *.example.net\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(traced(), "CERTMILL_DOMAINS=www.example.org,mail.example.org;*.example.net\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(traced(), "CERTMILL_PATHS=/etc/certs/www.example.org-chain.rsa.crt\n"));
    CU_ASSERT_PTR_NULL(strstr(traced(), "wrong"));
    fresh();
    CU_ASSERT_EQUAL(run("sh -c 'echo \"$CERTMILL_PATHS\" >>$TRACE'", NULL, NULL, 20), 0);
    CU_ASSERT_STRING_EQUAL(traced(), "/etc/certs/www.example.org-chain.rsa.crt\n"
                                     "/etc/certs/www.example.org-chain.ecdsa.crt\n"
                                     "/etc/certs/*.example.net-chain.rsa.crt\n");
}

static void test_output(void)
{
    fresh();
    CU_ASSERT_EQUAL(run("sh -c 'echo to stdout; echo to stderr >&2; printf last'", NULL, NULL, 20),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "INFO [hook sh] to stdout\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "[hook sh] to stderr\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "[hook sh] last\n"));
    fresh();
    CU_ASSERT_EQUAL(run("sh -c 'yes | head -n 100000'", NULL, NULL, 20), 0);
    size_t lines = 0;
    for (const char *p = logged(); (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
    }
    CU_ASSERT_TRUE(lines <= 1002); /* these, a warning, and that it is done */
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "says more than is logged"));
    fresh(); /* no octet of it is lost for want of a newline, nor does it forge a line */
    CU_ASSERT_EQUAL(
        run("sh -c 'head -c 9000 /dev/zero | tr \"\\0\" x; printf \"\\033[2J\"'", NULL, NULL, 20),
        0);
    CU_ASSERT_PTR_NULL(strchr(logged(), 0x1b));
}

static void test_failures(void)
{
    fresh();
    put("a", "#!/bin/sh\necho no such service >&2\nexit 7\n", 0700);
    put("b", "#!/bin/sh\nkill -9 $$\n", 0700);
    put("c", "#!/bin/sh\necho c >>$TRACE\n", 0700);
    CU_ASSERT_EQUAL(run("/nonexistent/hook", dir, NULL, 20), ERR_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(err.text, "hook /nonexistent/hook cannot be run: No such file or "
                                     "directory (and 2 more hooks failed)");
    CU_ASSERT_STRING_EQUAL(traced(), "c\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "hooks/a failed, exit status 7: no such service\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "hooks/b was ended by signal 9 (Killed)\n"));
    CU_ASSERT_EQUAL(run("sh -c 'exit 3'", NULL, NULL, 20), ERR_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(err.text, "hook sh failed, exit status 3");
    CU_ASSERT_EQUAL(run(NULL, "/nonexistent/hooks", NULL, 20), -ENOENT);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "post-renew-hooks-dir: /nonexistent/hooks: No such file or directory");
}

static void test_not_run(void)
{
    fresh();
    put("a", "#!/bin/sh\necho a >>$TRACE\n", 0702);
    CU_ASSERT_EQUAL(run(NULL, dir, NULL, 20), ERR_PERMISSION);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "hooks/a is not run: everybody may write to it"));
    CU_ASSERT_STRING_EQUAL(traced(), "");
    fresh();
    put("a", "echo a >>$TRACE\n", 0700);
    CU_ASSERT_EQUAL(run(NULL, dir, NULL, 20), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "#!/bin/sh for example"));
    struct settings settings = {.post_renew_hooks_dir = (char *)"/nonexistent"};
    CU_ASSERT_EQUAL(hooks_run(&settings, &report, changes, 0, &err), 0);
}

static void test_odd_folder(void)
{
    fresh();
    put("b", "#!/bin/sh\necho b >>$TRACE\n", 0700);
    char path[300];
    snprintf(path, sizeof(path), "%s/a", dir);
    CU_ASSERT_EQUAL(symlink("/nonexistent", path), 0);
    CU_ASSERT_EQUAL(run(NULL, dir, NULL, 20), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "hooks/a: No such file or directory"));
    CU_ASSERT_STRING_EQUAL(traced(), "b\n");
    CU_ASSERT_TRUE(run("sh -c 'no end", NULL, NULL, 20) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "hook sh -c 'no end"));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_TRUE(run(NULL, dir, "sh 'no end", 20) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "post-renew-hooks-dir-runner"));
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        put(name, "", 0600);
    }
    CU_ASSERT_EQUAL(run(NULL, dir, NULL, 20), ERR_LIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "holds more than"));
    CU_ASSERT_STRING_EQUAL(traced(), "b\n"); /* none of them ran */
}

/*
 * Whoever hangs is ended, with all that it has started; the next one runs. Time enough to come that
 * far they must have, so there is more of it each time until they did.
 */
static void test_hangs(void)
{
    char wanted[128];
    int64_t timeout = 1;
    do {
        fresh();
        put("a",
            "#!/bin/sh\ntrap 'echo asked to end' TERM\nsleep 100 & echo $! >$TRACE\nwait; wait\n",
            0700);
        put("b", "#!/bin/sh\necho b >>$TRACE\n", 0700);
        CU_ASSERT_EQUAL(run(NULL, dir, NULL, timeout), ERR_TIMEOUT);
        snprintf(wanted, sizeof(wanted),
                 "hooks/a took longer than hook-timeout, %d s: it was ended", (int)timeout);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, wanted));
        timeout *= 2;
    } while (timeout < 20 && strstr(traced(), "\nb\n") == NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "asked to end"));
    const char *b = strchr(traced(), '\n');
    CU_ASSERT_TRUE(b != NULL && strcmp(b, "\nb\n") == 0);
    pid_t child = (pid_t)strtol(traced(), NULL, 10);
    for (int i = 0; i < 6000 && child > 0 && kill(child, 0) == 0; i++) {
        char path[64], state[64] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, state, sizeof(state) - 1) <= 0 || strstr(state, ") Z") != NULL) {
            child = 0;
        }
        close(fd);
        usleep(10000);
    }
    CU_ASSERT_TRUE(child == 0 || kill(child, 0) < 0);
}

/* A service that a hook starts keeps its output; nobody waits for that. */
static void test_leaves_a_service(void)
{
    fresh();
    CU_ASSERT_EQUAL(run("sh -c 'sleep 30 & echo $! >$TRACE; echo started'", NULL, NULL, 20), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "[hook sh] started\n"));
    pid_t child = (pid_t)strtol(traced(), NULL, 10);
    CU_ASSERT_EQUAL(kill(child, SIGKILL), 0); /* was there */
}

static void test_too_many_names(void)
{
    struct settings settings = {.path = certs, .hook_timeout = 20};
    char *items[] = {(char *)"sh -c 'env | grep -c ^CERTMILL_DOMAINS= >$TRACE; "
                             "env | grep -c ^CERTMILL_NAMES= >>$TRACE; true'"};
    char *names[100];
    struct set many[40];
    struct hooks_change all[40];
    static char name[200];
    fresh();
    memset(name, 'n', sizeof(name) - 1);
    for (int i = 0; i < 100; i++) {
        names[i] = name;
    }
    for (int i = 0; i < 40; i++) {
        many[i] = (struct set){.names = names, .count = 100, .name = "n"};
        all[i] = (struct hooks_change){.set = &many[i]};
    }
    settings.post_renew_hooks = (struct conf_strings){items, 1};
    CU_ASSERT_EQUAL(hooks_run(&settings, &report, all, 40, &err), 0);
    CU_ASSERT_STRING_EQUAL(traced(), "0\n1\n");
    CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "CERTMILL_DOMAINS is left out"));
}

static int set_up(void)
{
    char name[64];
    struct log_options options = {.program = "certmill", .level = LOG_LEVEL_DEBUG};
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(base) == NULL) {
        return -1;
    }
    snprintf(name, sizeof(name), "%s/log", base);
    options.fd = log_file = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0 || log_new(&log_, &options, NULL) < 0) {
        return -1;
    }
    report_init(&report, log_, LOG_LEVEL_DEBUG, stderr, false);
    return 0;
}

static int tear_down(void)
{
    report_clear(&report);
    log_free(log_);
    close(log_file);
    return folder_remove(base);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("hooks", set_up, tear_down);
    CU_add_test(suite, "order", test_order);
    CU_add_test(suite, "runner", test_runner);
    CU_add_test(suite, "environment", test_environment);
    CU_add_test(suite, "output", test_output);
    CU_add_test(suite, "failures", test_failures);
    CU_add_test(suite, "not run", test_not_run);
    CU_add_test(suite, "odd folder", test_odd_folder);
    CU_add_test(suite, "hangs", test_hangs);
    CU_add_test(suite, "leaves a service", test_leaves_a_service);
    CU_add_test(suite, "too many names", test_too_many_names);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}

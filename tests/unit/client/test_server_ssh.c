/* What is put before the user's ssh command, and when it is left alone. */
#include "client/server_ssh.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/server.h"
#include "client/server_argv.h"
#include "client/server_session.h"

static struct err err;

static struct server_ssh look(const char *command)
{
    struct server_ssh ssh;
    struct words words;
    CU_ASSERT_EQUAL_FATAL(words_split(&words, command, " ", &err), 0);
    server_ssh_look(&ssh, &words);
    words_clear(&words);
    return ssh;
}

static void test_look(void)
{
    CU_ASSERT_TRUE(look("ssh -T acme@host --").ssh);
    CU_ASSERT_TRUE(look("/usr/bin/ssh host").ssh);
    CU_ASSERT_FALSE(look("sudo ssh -M host").ssh);
    CU_ASSERT_FALSE(look("sudo ssh -M host").control);
    CU_ASSERT_FALSE(look("sshpass -M").ssh);
    static const char *const sharing[] = {
        "ssh -M host",
        "ssh -TM host",
        "ssh -S none host",
        "ssh -Snone host",
        "ssh host -S x",
        "ssh -p 1 -M h",
        "ssh -o ControlPath=x h",
        "ssh -ocontrolmaster=no h",
        "ssh -To Control=x h",
        "ssh -o\" ControlPersist yes\" h",
    };
    for (size_t i = 0; i < sizeof(sharing) / sizeof(sharing[0]); i++) {
        CU_ASSERT_TRUE(look(sharing[i]).control);
    }
    static const char *const plain[] = {
        "ssh -p 22 -i M -l -M host",   "ssh host -- -M", "ssh host certgrinderd -M",
        "ssh -o ProxyCommand=-M host", "ssh -- host -S", "ssh -F ControlMaster -T host --",
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        CU_ASSERT_FALSE(look(plain[i]).control);
    }
    CU_ASSERT_TRUE(look("ssh -o batchmode=no h").batch);
    CU_ASSERT_TRUE(look("ssh -oConnectTimeout=3 h").timeout);
    CU_ASSERT_FALSE(look("ssh -Tx h -n").batch);
    CU_ASSERT_TRUE(look("ssh -Tn h").no_input);
    CU_ASSERT_FALSE(look("ssh -ln h").no_input);
}

static void check_argv(char *command, const char *expected)
{
    char level[] = "INFO", text[1024] = "";
    struct settings settings = {.server = command, .log_level = level};
    struct server_call call = {.settings = &settings, .first = "ping"};
    char **argv;
    CU_ASSERT_EQUAL_FATAL(server_argv(&argv, &call, &err), 0);
    for (size_t i = 0; argv[i] != NULL; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s|", argv[i]);
    }
    free(argv);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void test_argv(void)
{
    char bare[] = "ssh -T a@h --", asks[] = "ssh -o BatchMode=no -oConnectTimeout=5 h";
    char words[] = "ssh h -p 22 serve", other[] = "certmill-shell", deaf[] = "ssh -n h";
    check_argv(bare, "ssh|-o|BatchMode=yes|-o|ConnectTimeout=30|-T|a@h|--|--log-level|INFO|ping|");
    check_argv(asks, "ssh|-o|BatchMode=no|-oConnectTimeout=5|h|--|--log-level|INFO|ping|");
    check_argv(words,
               "ssh|-o|BatchMode=yes|-o|ConnectTimeout=30|h|-p|22|serve|--log-level|INFO|ping|");
    check_argv(other, "certmill-shell|--log-level|INFO|ping|");
    check_argv(deaf, "ssh|-o|BatchMode=yes|-o|ConnectTimeout=30|-n|h|--|--log-level|INFO|ping|");
    char level[] = "INFO", **argv;
    struct settings settings = {.server = deaf, .log_level = level};
    struct server_call call = {.settings = &settings, .first = "get", .input_len = 1};
    CU_ASSERT_EQUAL(server_argv(&argv, &call, &err), ERR_MALFORMED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "-n"));
}

/* Each trouble has a sentence that says what to do. */
static void test_trouble(void)
{
    static const struct {
        const char *line;
        enum server_ssh_trouble trouble;
        const char *advice;
    } cases[] = {
        {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", SSH_KEY_CHANGED, "keygen -R"},
        {"Host key verification failed.", SSH_KEY_UNKNOWN, "known_hosts"},
        {"a@h: Permission denied (publickey,password).", SSH_DENIED, "authorized_keys"},
        {"Received disconnect from h port 22:2: Too many authentication failures", SSH_DENIED,
         "authorized_keys"},
        {"Warning: Identity file k not accessible: No such file or directory.", SSH_NO_IDENTITY,
         "ssh-keygen"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum server_ssh_trouble trouble = server_ssh_trouble(cases[i].line);
        CU_ASSERT_EQUAL(trouble, cases[i].trouble);
        CU_ASSERT_PTR_NOT_NULL(strstr(server_ssh_advice(trouble), cases[i].advice));
    }
    CU_ASSERT_EQUAL(server_ssh_trouble("connect to host h port 22: Connection refused"),
                    SSH_NO_TROUBLE);
    CU_ASSERT_STRING_EQUAL(server_ssh_advice(SSH_NO_TROUBLE), "");
    CU_ASSERT_TRUE(server_ssh_noise("ControlSocket x already exists, disabling multiplexing"));
    CU_ASSERT_FALSE(server_ssh_noise("Permission denied (publickey)."));
    CU_ASSERT_EQUAL(server_verdict(255 << 8, "no", SSH_DENIED, &err), ERR_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "authorized_keys"));
}

/* -- sharing, with a folder of ours and no ssh -- */

static char folder[] = "/tmp/certmill-test-XXXXXX";

struct waiter {
    struct server_session *session;
    int ready; /* written to when it is let in */
    bool first;
};

static void *wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    waiter->first = server_session_enter(waiter->session, 60000, 0);
    CU_ASSERT_EQUAL(write(waiter->ready, "x", 1), 1);
    return NULL;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void check_waits(bool by_socket)
{
    char command[] = "ssh -o ControlDoesNotMatter=x h", level[] = "INFO", plain[] = "ssh h", c;
    struct settings settings = {.server = command, .log_level = level};
    struct server_session *session = server_session_new(&settings);
    CU_ASSERT_FALSE(server_session_enter(session, 1000, 0));
    CU_ASSERT_PTR_NULL(server_session_socket(session));
    server_session_free(session);

    settings.server = plain;
    session = server_session_new(&settings);
    CU_ASSERT_TRUE_FATAL(server_session_enter(session, 1000, 0));
    char path[256], parent[256];
    struct stat st;
    snprintf(path, sizeof(path), "%s", server_session_socket(session));
    CU_ASSERT_EQUAL(strncmp(path, folder, strlen(folder)), 0);
    snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
    CU_ASSERT_EQUAL_FATAL(stat(parent, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0700);

    int fds[2], fd = -1;
    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct waiter waiter = {.session = session, .ready = fds[1], .first = true};
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wait_for_it, &waiter), 0);
    usleep(60000);
    CU_ASSERT_EQUAL(read(fds[0], &c, 1), -1);
    if (by_socket) {
        fd = listen_at(path);
    } else {
        server_session_leave(session);
    }
    pthread_join(thread, NULL);
    CU_ASSERT_FALSE(waiter.first);
    if (by_socket) {
        server_session_leave(session);
        close(fd);
        unlink(path);
    }
    CU_ASSERT_FALSE(server_session_enter(session, 60000, 0));
    server_session_close(session);
    CU_ASSERT_NOT_EQUAL(stat(parent, &st), 0);
    CU_ASSERT_PTR_NULL(server_session_socket(session));
    server_session_close(session);
    CU_ASSERT_TRUE(server_session_enter(session, 1000, 0)); /* anew */
    CU_ASSERT_PTR_NOT_NULL_FATAL(server_session_socket(session));
    snprintf(parent, sizeof(parent), "%.250s", server_session_socket(session));
    *strrchr(parent, '/') = '\0';
    CU_ASSERT_EQUAL(stat(parent, &st), 0);
    server_session_leave(session);
    server_session_free(session);
    CU_ASSERT_NOT_EQUAL(stat(parent, &st), 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_sharing(void)
{
    check_waits(true);
    check_waits(false);
    CU_ASSERT_FALSE(server_session_enter(NULL, 0, 0));
    server_session_close(NULL);
    server_session_free(NULL);
}

/* Who waits does so no longer than its time, nor when it is to stop. */
static void test_no_endless_wait(void)
{
    char command[] = "ssh h", level[] = "INFO";
    struct settings settings = {.server = command, .log_level = level};
    struct server_session *session = server_session_new(&settings);
    int fds[2];
    CU_ASSERT_TRUE(server_session_enter(session, 1000, 0));
    CU_ASSERT_FALSE(server_session_enter(session, 30, 0));
    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
    CU_ASSERT_FALSE(server_session_enter(session, 600000, fds[0]));
    server_session_leave(session);
    server_session_free(session);
    close(fds[0]);
    close(fds[1]);
}

/* RUN_DIR that cannot be used: the next one is. */
static void test_folders(void)
{
    char command[] = "ssh h", level[] = "INFO";
    static const char *const bad[] = {
        "/nonexistent", "relative", "/tmp/with blank", "/tmp/100%",
        "/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct settings settings = {.server = command, .log_level = level};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("XDG_RUNTIME_DIR", bad[i], 1);
        struct server_session *session = server_session_new(&settings);
        CU_ASSERT_TRUE(server_session_enter(session, 1000, 0));
        CU_ASSERT_PTR_NOT_NULL_FATAL(server_session_socket(session));
        CU_ASSERT_NOT_EQUAL(strncmp(server_session_socket(session), bad[i], strlen(bad[i])), 0);
        server_session_leave(session);
        server_session_free(session);
    }
    setenv("XDG_RUNTIME_DIR", folder, 1);
}

int main(void)
{
    if (mkdtemp(folder) == NULL || setenv("XDG_RUNTIME_DIR", folder, 1) != 0 ||
        setenv("TMPDIR", folder, 1) != 0) {
        return 1;
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("server_ssh", NULL, NULL);
    CU_add_test(suite, "look", test_look);
    CU_add_test(suite, "argv", test_argv);
    CU_add_test(suite, "trouble", test_trouble);
    CU_add_test(suite, "sharing", test_sharing);
    CU_add_test(suite, "no endless wait", test_no_endless_wait);
    CU_add_test(suite, "folders", test_folders);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    rmdir(folder);
    return failures != 0;
}

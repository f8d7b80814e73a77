/*
 * What passes between a service manager and us: sockets in, states out.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"
#include "supervisor/activation.h"
#include "supervisor/notify.h"

static char folder[] = "/tmp/test_managerXXXXXX";

static int parse(struct activation *a, const char *fds, const char *pid, struct err *err)
{
    char one[64], two[64], three[] = "LISTEN_FDNAMES=dns:submit";
    char *envp[] = {one, two, three, NULL};

    snprintf(one, sizeof(one), "LISTEN_FDS=%s", fds);
    snprintf(two, sizeof(two), "LISTEN_PID=%s", pid);
    return activation_parse(a, envp, 42, err);
}

static void test_parse(void)
{
    char *nothing[] = {NULL};
    struct activation a;
    struct err err = {0};

    CU_ASSERT_EQUAL(activation_parse(&a, nothing, 42, &err), 0);
    CU_ASSERT_EQUAL(a.count, 0);
    CU_ASSERT_EQUAL(parse(&a, "3", "42", &err), 0);
    CU_ASSERT_EQUAL(a.count, 3);
    CU_ASSERT_EQUAL(parse(&a, "3", "43", &err), 0);
    CU_ASSERT_EQUAL(a.count, 0);
    CU_ASSERT_EQUAL(parse(&a, "3", "", &err), 0);
    CU_ASSERT_EQUAL(a.count, 0);
    CU_ASSERT_EQUAL(parse(&a, "-1", "42", &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse(&a, "99999999999999999999", "42", &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse(&a, "3x", "42", &err), ERR_MALFORMED);
    CU_ASSERT_EQUAL(parse(&a, "1000", "42", &err), ERR_MALFORMED);
}

static int bound(int type, int at)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = fcntl(socket(AF_INET, type, 0), F_DUPFD, 30);

    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 1) < 0) || dup2(fd, at) < 0) {
        return -1;
    }
    close(fd);
    return at;
}

static int bound_local(const char *name, int at)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = fcntl(socket(AF_UNIX, SOCK_STREAM, 0), F_DUPFD, 30);

    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", folder, name);
    if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || listen(fd, 1) < 0 ||
        dup2(fd, at) < 0) {
        return -1;
    }
    close(fd);
    return at;
}

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

/* In a child, whose descriptors from 3 on we can do with as we please. */
static int take(void)
{
    struct listen_set set = {0};
    struct err err = {0};

    for (int fd = 3; fd < 10; fd++) {
        close(fd);
    }
    int spare = open("/dev/null", O_RDONLY); /* is 3 until now */
    dup2(spare, 20);
    EXPECT(bound(SOCK_DGRAM, 3) == 3 && bound(SOCK_STREAM, 4) == 4);
    EXPECT(bound_local("x.sock", 5) == 5 && bound_local("control.sock", 6) == 6);
    EXPECT(dup2(20, 7) == 7);
    struct activation a = {.count = 4, .names = "dns:dns:submit:unknown"};
    EXPECT(activation_take(&a, 2, &set, NULL, &err) == 0);
    EXPECT(set.count == 6);
    EXPECT(set.items[0].kind == IPC_SOCKET_UDP && set.items[0].worker == 0);
    EXPECT(suite_room(set.items[0].fd) == suite_wide_room());
    EXPECT(set.items[1].kind == IPC_SOCKET_UDP && set.items[1].worker == 1);
    EXPECT(set.items[2].kind == IPC_SOCKET_TCP && set.items[4].kind == IPC_SOCKET_SUBMIT);
    EXPECT(set.items[5].kind == IPC_SOCKET_CONTROL);
    for (size_t i = 0; i < set.count; i++) {
        EXPECT((fcntl(set.items[i].fd, F_GETFL) & O_NONBLOCK) != 0);
        EXPECT((fcntl(set.items[i].fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    a.count = 5;
    a.names = "";
    struct listen_set bad = {0};
    EXPECT(activation_take(&a, 1, &bad, NULL, &err) == ERR_UNKNOWN); /* x.sock has no name now */
    EXPECT(dup2(4, 5) == 5 && activation_take(&a, 1, &bad, NULL, &err) == ERR_UNKNOWN); /* 7 */
    EXPECT(strstr(err.text, "7") != NULL);
    return 0;
}

static void test_take(void)
{
    int status = -1;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int line = take();
        if (line != 0) {
            fprintf(stderr, "test_manager: line %d\n", line);
        }
        _exit(line != 0);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void hear(const char *name, size_t len)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    char variable[128], text[128], usec[] = "WATCHDOG_USEC=3000000", pid[] = "WATCHDOG_PID=42";
    char *envp[] = {variable, usec, pid, NULL};
    struct notify n;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    memcpy(sun.sun_path, name, len);
    if (sun.sun_path[0] == '@') {
        sun.sun_path[0] = '\0';
    }
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun,
                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                          0);
    snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", name);
    notify_open(&n, envp, 42);
    CU_ASSERT(n.fd >= 0);
    CU_ASSERT_EQUAL(n.watchdog_ms, 1500);
    notify_send(&n, "READY=1\nSTATUS=%d", 7);
    ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    CU_ASSERT_FATAL(got > 0);
    text[got] = '\0';
    CU_ASSERT_STRING_EQUAL(text, "READY=1\nSTATUS=7");
    notify_close(&n);
    notify_open(&n, envp, 43);
    CU_ASSERT_EQUAL(n.watchdog_ms, 0);
    notify_close(&n);
    close(fd);
}

static void test_notify(void)
{
    char path[64], missing[] = "NOTIFY_SOCKET=/no/such/socket", odd[] = "NOTIFY_SOCKET=vsock:1:2";
    char *gone[] = {missing, NULL}, *other[] = {odd, NULL}, *none[] = {NULL};
    struct notify n;

    snprintf(path, sizeof(path), "%s/notify", folder);
    hear(path, strlen(path));
    snprintf(path, sizeof(path), "@certmill-test-%d", (int)getpid());
    hear(path, strlen(path));
    notify_open(&n, gone, 42);
    CU_ASSERT_EQUAL(n.fd, -1);
    notify_open(&n, other, 42);
    CU_ASSERT_EQUAL(n.fd, -1);
    notify_open(&n, none, 42);
    CU_ASSERT_EQUAL(n.fd, -1);
    notify_send(&n, "READY=1");
    notify_close(&n);
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"the variables of socket activation", test_parse},
        {"sockets are told apart", test_take},
        {"states are told", test_notify},
    };
    if (mkdtemp(folder) == NULL) {
        return 2;
    }
    int ret = suite_run("manager", cases, SUITE_COUNT(cases));
    suite_remove(folder);
    return ret;
}

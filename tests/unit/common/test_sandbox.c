/*
 * Each case runs in a child, which gives up what it can and then tries what is forbidden.
 */
#include <CUnit/Basic.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/sandbox.h"

#define KILLED (-2)

/* Runs fn in a child; its exit status (0: all as expected, else a line number), or KILLED. */
static int in_child(int (*fn)(void *arg), void *arg)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int line = fn(arg);
        if (line != 0) {
            fprintf(stderr, "test_sandbox: line %d, errno %s\n", line, strerror(errno));
        }
        _exit(line != 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

static void *in_thread(void *arg)
{
    *(int *)arg = 42;
    return NULL;
}

static int threads_work(void)
{
    pthread_t t;
    int got = 0;

    EXPECT(pthread_create(&t, NULL, in_thread, &got) == 0);
    EXPECT(pthread_join(t, NULL) == 0);
    EXPECT(got == 42);
    return 0;
}

/* What every profile forbids. */
static int forbidden(void)
{
    EXPECT(socket(AF_PACKET, SOCK_RAW, 0) < 0);
    EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED);
    EXPECT(kill(getppid(), 0) < 0);
    EXPECT(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 && errno == EPERM);
    EXPECT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){8, 8}) < 0);
    EXPECT(chroot("/") < 0);
    EXPECT(unshare(0x10000000 /* CLONE_NEWUSER */) < 0);
    EXPECT(bind(0, NULL, 0) < 0 && errno == EPERM);
    return 0;
}

/* A thread that was there before, let go on by an octet. */
static void *in_old_thread(void *arg)
{
    int *pair = arg;
    char byte;
    bool refused = recv(pair[1], &byte, 1, 0) == 1 && socket(AF_INET, SOCK_DGRAM, 0) < 0 &&
                   errno == EPERM && open("/etc/hostname", O_RDONLY) < 0 && errno == EPERM;

    return refused ? arg : NULL;
}

static int run_dnsd(void *arg)
{
    struct err err;
    struct stat st;
    char byte;
    int pair[2];
    pthread_t t;
    void *refused;

    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    EXPECT(sandbox_drop_user("nobody", arg, true, &err) == 0);
    EXPECT(pthread_create(&t, NULL, in_old_thread, pair) == 0);
    EXPECT(sandbox_calls(SANDBOX_DNSD, &err) == 0);
    EXPECT(open("/etc/hostname", O_RDONLY) < 0 && errno == EPERM);
    EXPECT(openat(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY) < 0);
    EXPECT(socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM);
    EXPECT(connect(pair[0], NULL, 0) < 0 && errno == EPERM);
    EXPECT(stat("/", &st) < 0 && errno == EPERM);
    EXPECT(fstat(pair[0], &st) == 0);
    EXPECT(send(pair[0], "x", 1, 0) == 1 && pthread_join(t, &refused) == 0 && refused == pair);
    EXPECT(pthread_create(&t, NULL, in_old_thread, pair) != 0); /* EPERM; musl: EAGAIN */
    EXPECT(send(pair[0], "x", 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1);
    EXPECT(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    return forbidden();
}

static int run_signer(void *arg)
{
    struct err err;

    EXPECT(sandbox_drop_user("nobody", NULL, false, &err) == 0);
    EXPECT(sandbox_calls(SANDBOX_SIGNER, &err) == 0);
    int fd = open(arg, O_RDONLY);
    EXPECT(fd >= 0);
    EXPECT(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
    EXPECT(connect(fd, NULL, 0) < 0 && errno == EPERM);
    EXPECT(threads_work() == 0);
    return forbidden();
}

static int run_issuer(void *arg)
{
    struct err err;

    EXPECT(sandbox_drop_user("nobody", NULL, false, &err) == 0);
    EXPECT(sandbox_calls(SANDBOX_ISSUER, &err) == 0);
    EXPECT(open(arg, O_RDONLY) >= 0);
    EXPECT(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    EXPECT(threads_work() == 0);
    return forbidden();
}

static int run_exec(void *arg)
{
    struct err err;
    char name[] = "true";
    char *argv[] = {name, NULL};

    EXPECT(sandbox_drop_user("nobody", NULL, false, &err) == 0);
    EXPECT(sandbox_calls(*(enum sandbox_profile *)arg, &err) == 0);
    execv("/bin/true", argv);
    return 0;
}

static int run_ptrace(void *arg)
{
    struct err err;

    EXPECT(sandbox_drop_user("nobody", NULL, false, &err) == 0);
    EXPECT(sandbox_calls(*(enum sandbox_profile *)arg, &err) == 0);
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
    return 0;
}

static char folder[] = "/tmp/test_sandboxXXXXXX";
static char inside[64], outside[64];

static void test_profiles(void)
{
    if (sandbox_note() != NULL) {
        return; /* sanitizers do what the filters forbid */
    }
    char *root = geteuid() == 0 ? folder : NULL;
    CU_ASSERT_EQUAL(in_child(run_dnsd, root), 0);
    CU_ASSERT_EQUAL(in_child(run_signer, inside), 0);
    CU_ASSERT_EQUAL(in_child(run_issuer, inside), 0);
    for (enum sandbox_profile p = SANDBOX_DNSD; p <= SANDBOX_SIGNER; p++) {
        CU_ASSERT_EQUAL(in_child(run_exec, &p), KILLED);
        CU_ASSERT_EQUAL(in_child(run_ptrace, &p), KILLED);
    }
}

static int run_user(void *arg)
{
    struct err err = {0};
    uid_t before = geteuid();
    struct passwd *nobody = getpwnam("nobody");
    gid_t groups[32];

    EXPECT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    EXPECT(sandbox_drop_user("nobody", arg, false, &err) == 0);
    if (before == 0) {
        EXPECT(geteuid() == nobody->pw_uid && getuid() == nobody->pw_uid);
        EXPECT(getegid() == nobody->pw_gid);
        EXPECT(getgroups(32, groups) == 1 && groups[0] == nobody->pw_gid);
        EXPECT(setuid(0) < 0);
        if (sandbox_note() == NULL) {
            EXPECT(access("/etc/passwd", F_OK) < 0);
        }
    } else {
        EXPECT(geteuid() == before);
    }
    int death = 0;
    EXPECT(prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGKILL);
    EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    EXPECT(umask(0) == 077);
    if (sandbox_note() == NULL) {
        struct rlimit core;
        EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
        EXPECT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
    }
    return 0;
}

static int run_unknown_user(void *arg)
{
    struct err err = {0};

    (void)arg;
    EXPECT(sandbox_drop_user("no-such-user-here", NULL, false, &err) == ERR_NOT_FOUND);
    EXPECT(strstr(err.text, "no-such-user-here") != NULL);
    EXPECT(sandbox_drop_user("root", NULL, false, &err) == ERR_POLICY);
    EXPECT(sandbox_drop_user("nobody", "/no/such/folder", false, &err) == -ENOENT ||
           sandbox_note() != NULL);
    return 0;
}

static void test_user(void)
{
    CU_ASSERT_EQUAL(in_child(run_user, folder), 0);
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(in_child(run_unknown_user, NULL), 0);
    }
}

/* Connects to a listener on loopback, whose address is arg. */
static int try_connect(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int ret = connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ? -errno : 0;

    close(fd);
    return ret;
}

struct landlock_case {
    struct sockaddr_in listener;
    bool tcp_connect;
};

static int run_landlock(void *arg)
{
    const struct landlock_case *c = arg;
    const struct sandbox_path paths[] = {{inside, true}, {"/no/such/path", true}, {"/etc", false}};
    struct err err;
    bool active;
    char path[128];

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    EXPECT(sandbox_files(paths, 3, c->tcp_connect, &active, &err) == 0);
    if (!active) {
        return 0;
    }
    snprintf(path, sizeof(path), "%s/new", inside);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    EXPECT(fd >= 0 && write(fd, "x", 1) == 1);
    snprintf(path, sizeof(path), "%s/renamed", inside);
    char old[128];
    snprintf(old, sizeof(old), "%s/new", inside);
    EXPECT(rename(old, path) == 0 && unlink(path) == 0);
    EXPECT(open(outside, O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
    EXPECT(open("/etc/passwd", O_RDONLY) >= 0);
    EXPECT(open("/etc/passwd", O_WRONLY) < 0 && errno == EACCES);
    EXPECT(open("/dev/urandom", O_RDONLY) >= 0);
    EXPECT(try_connect(&c->listener) == (c->tcp_connect ? 0 : -EACCES));
    return 0;
}

static int run_landlock_nothing(void *arg)
{
    struct err err;
    bool active;

    (void)arg;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    EXPECT(sandbox_files(NULL, 0, false, &active, &err) == 0);
    EXPECT(!active || (open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES));
    EXPECT(!active || (open("/dev/urandom", O_RDONLY) < 0 && errno == EACCES));
    EXPECT(!active || (open(inside, O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES));
    return 0;
}

static void test_landlock(void)
{
    struct landlock_case c = {.listener = {.sin_family = AF_INET}};
    socklen_t len = sizeof(c.listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    c.listener.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&c.listener, len), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&c.listener, &len), 0);
    CU_ASSERT_EQUAL(in_child(run_landlock, &c), 0);
    c.tcp_connect = true;
    CU_ASSERT_EQUAL(in_child(run_landlock, &c), 0);
    CU_ASSERT_EQUAL(in_child(run_landlock_nothing, NULL), 0);
    close(fd);
}

int main(void)
{
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) < 0) {
        return 2;
    }
    snprintf(inside, sizeof(inside), "%s/inside", folder);
    snprintf(outside, sizeof(outside), "%s/outside", folder);
    if (mkdir(inside, 0777) < 0 || mkdir(outside, 0777) < 0) {
        return 2;
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("sandbox", NULL, NULL);
    CU_add_test(suite, "each profile forbids what it says", test_profiles);
    CU_add_test(suite, "the user and what goes with it", test_user);
    CU_add_test(suite, "Landlock confines files and TCP", test_landlock);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    rmdir(inside);
    rmdir(outside);
    rmdir(folder);
    return failures != 0;
}

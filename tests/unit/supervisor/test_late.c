/*
 * Children that take too long. The supervisor is the real one, with short limits; its children are
 * this same program (it executes itself as them) and behave as the configuration's preferred-chain
 * says.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot.h"
#include "common/msg.h"
#include "suite.h"
#include "supervisor/supervisor.h"

#define PATIENCE_MS 20000
#define START_MS    4000 /* enough for those that do start, also where much else runs */

static char folder[] = "/tmp/test_lateXXXXXX";

/* -- the children -- */

struct fake {
    enum ipc_role role;
    int late; /* the word to say once the reload has been refused, or -1 */
    uint8_t buf[LIMIT_MESSAGE];
};

static bool says(const struct boot *boot, const char *word)
{
    return boot->conf.preferred_chain != NULL && strcmp(boot->conf.preferred_chain, word) == 0;
}

static void fake_send(enum ipc_type type, int good)
{
    uint8_t buf[64];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), (uint16_t)type);
    if (type == IPC_RELOADED) {
        msg_put_u8(&w, good == 1);
        msg_put_str(&w, good == 1 ? "" : "no, says the issuer");
    }
    (void)msg_send(IPC_CONTROL_FD, &w, NULL, 0);
}

static void fake_blame(enum ipc_role role)
{
    uint8_t buf[16];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_PEER_BROKEN);
    msg_put_u8(&w, (uint8_t)role);
    (void)msg_send(IPC_CONTROL_FD, &w, NULL, 0);
}

/* The issuer asks for another reload when it wants to hear when this one is refused. */
static void fake_judge(struct fake *fake, const struct boot *fresh)
{
    if (says(fresh, "late yes") || says(fresh, "late no")) {
        fake->late = says(fresh, "late yes");
        fake_send(IPC_RELOAD_REQUEST, 0);
    } else {
        fake_send(IPC_RELOADED, 1);
        if (says(fresh, "dnsd lies")) {
            fake_blame(IPC_ROLE_DNSD);
        } else if (says(fresh, "who lies")) {
            fake_blame(IPC_ROLE_SUPERVISOR);
        }
    }
}

/* False: it ends. */
static bool fake_message(struct fake *fake, struct msg_reader *r, const int *fds, size_t nfds)
{
    struct boot fresh;
    struct err err;
    bool more = true;

    if (r->type == IPC_RELOAD && boot_decode(&fresh, r, fds, nfds, &err) == 0) {
        if (fake->role == IPC_ROLE_ISSUER) {
            fake_judge(fake, &fresh);
        } else { /* begins anew, but where it is to be killed first */
            more = fake->role == IPC_ROLE_DNSD && says(&fresh, "dnsd lies");
        }
        boot_clear(&fresh);
        return more;
    }
    if (r->type == IPC_RELOAD_DONE && fake->late >= 0) {
        fake_send(IPC_RELOADED, fake->late);
        fake->late = -1;
    }
    for (size_t i = 0; i < nfds; i++) {
        close(fds[i]);
    }
    return r->type != IPC_STOP;
}

static int fake_main(const char *role)
{
    static struct fake fake = {.late = -1};
    struct boot boot;
    struct err err;
    bool more = true;

    while (fake.role < IPC_ROLES && strcmp(ipc_role_name(fake.role), role) != 0) {
        fake.role++;
    }
    if (boot_receive(IPC_CONTROL_FD, &boot, &err) < 0) {
        return 1;
    }
    fprintf(stderr, "%s starts with %s\n", role, boot.conf.preferred_chain);
    if (!(fake.role == IPC_ROLE_ISSUER && says(&boot, "mute issuer")) &&
        !(fake.role == IPC_ROLE_SIGNER && says(&boot, "mute signer"))) {
        boot_ready(IPC_CONTROL_FD);
    }
    for (int i = 0; fake.role == IPC_ROLE_DNSD && says(&boot, "alarms") && i < 5; i++) {
        const struct err alarm = {.code = -1, .text = "all is lost"};

        boot_failed(IPC_CONTROL_FD, &alarm);
    }
    boot_clear(&boot);
    while (more) {
        int fds[LIMIT_MESSAGE_FDS];
        size_t nfds = LIMIT_MESSAGE_FDS;
        struct msg_reader r;
        int n = msg_recv(IPC_CONTROL_FD, fake.buf, sizeof(fake.buf), fds, &nfds);

        more =
            n > 0 && msg_open(&r, fake.buf, (size_t)n) == 0 && fake_message(&fake, &r, fds, nfds);
    }
    return 0;
}

/* -- the supervisor -- */

struct run {
    pid_t pid;
    int log;
    size_t len;
    char text[65536]; /* of the log; what was waited for is passed over */
};

static void configure(const char *chain)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/conf.yaml", folder);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f,
            "acme-zone: acme.example\nstate-dir: state\nrun-dir: run\ndns-threads: 1\n"
            "dns-listen: ['127.0.0.1:0']\nuser: daemon\ndns-user: nobody\nsigner-user: bin\n"
            "preferred-chain: %s\n",
            chain);
    fclose(f);
}

static void run_start(struct run *run, const char *chain, const struct supervisor_limits *limits)
{
    int pipes[2];
    char option[96];
    char *argv[] = {option, NULL}, *envp[] = {NULL};

    memset(run, 0, sizeof(*run));
    configure(chain);
    snprintf(option, sizeof(option), "--config=%s/conf.yaml", folder);
    CU_ASSERT_EQUAL_FATAL(pipe2(pipes, O_CLOEXEC), 0);
    fflush(NULL);
    if ((run->pid = fork()) == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        _exit(supervisor_run(1, argv, envp, limits));
    }
    close(pipes[1]);
    run->log = pipes[0];
}

/* Reads the log up to and with the next line that has these words. */
static bool run_says(struct run *run, const char *words)
{
    struct pollfd p = {.fd = run->log, .events = POLLIN};
    char *found;

    while ((found = strstr(run->text, words)) == NULL || strchr(found, '\n') == NULL) {
        ssize_t n = -1;

        if (run->len < sizeof(run->text) - 1 && poll(&p, 1, PATIENCE_MS) == 1) {
            n = read(run->log, run->text + run->len, sizeof(run->text) - 1 - run->len);
        }
        if (n <= 0) {
            fprintf(stderr, "\"%s\" is not said in:\n%s", words, run->text);
            return false;
        }
        run->len += (size_t)n;
        run->text[run->len] = '\0';
    }
    char *rest = strchr(found, '\n') + 1;
    run->len -= (size_t)(rest - run->text);
    memmove(run->text, rest, run->len + 1);
    return true;
}

/* The exit status. */
static int run_end(struct run *run, int signal)
{
    int status = -1;

    if (signal != 0) {
        kill(run->pid, signal);
    }
    CU_ASSERT_TRUE(run_says(run, "stopped"));
    CU_ASSERT_EQUAL(waitpid(run->pid, &status, 0), run->pid);
    close(run->log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_reload(struct run *run, const char *chain)
{
    configure(chain);
    kill(run->pid, SIGHUP);
}

static void test_first_start(void)
{
    const struct supervisor_limits limits = {START_MS, PATIENCE_MS};
    static struct run run;

    run_start(&run, "mute issuer", &limits);
    CU_ASSERT_TRUE(run_says(&run, "cannot start: not ready within 4 s: issuer"));
    CU_ASSERT_EQUAL(run_end(&run, 0), 1);
}

/* No socket of ours takes the place of a standard descriptor that is closed. */
static void test_standard(void)
{
    const struct supervisor_limits limits = {PATIENCE_MS, PATIENCE_MS};
    static struct run run;
    char path[64], target[64];

    run_start(&run, "good", &limits);
    CU_ASSERT_TRUE(run_says(&run, "ready;"));
    for (int fd = 0; fd < 2; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)run.pid, fd);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        CU_ASSERT_TRUE_FATAL(n > 0);
        target[n] = '\0';
        CU_ASSERT_STRING_EQUAL(target, "/dev/null");
    }
    CU_ASSERT_EQUAL(run_end(&run, SIGTERM), 0);
}

static void test_later_start(void)
{
    const struct supervisor_limits limits = {START_MS, PATIENCE_MS};
    static struct run run;

    run_start(&run, "good", &limits);
    CU_ASSERT_TRUE(run_says(&run, "ready;"));
    run_reload(&run, "mute signer");
    CU_ASSERT_TRUE(run_says(&run, "signer starts with mute signer"));
    CU_ASSERT_TRUE(run_says(&run, "is killed: not ready within 4 s"));
    CU_ASSERT_TRUE(run_says(&run, "signer starts with mute signer"));
    CU_ASSERT_EQUAL(run_end(&run, SIGTERM), 0);
}

/* Whoever took over a child cannot fill the log by saying again and again that it cannot start. */
static void test_alarms(void)
{
    const struct supervisor_limits limits = {PATIENCE_MS, PATIENCE_MS};
    static struct run run;

    run_start(&run, "good", &limits);
    CU_ASSERT_TRUE(run_says(&run, "ready;"));
    run_reload(&run, "alarms");
    CU_ASSERT_TRUE(run_says(&run, "dnsd starts with alarms"));
    CU_ASSERT_TRUE(run_says(&run, "is killed: it sent a message that it may not send"));
    CU_ASSERT_PTR_NULL(strstr(run.text, "all is lost"));
    CU_ASSERT_EQUAL(run_end(&run, SIGTERM), 0);
}

/* A peer that broke the protocol begins anew; only dnsd and the signer can be named. */
static void test_broken(void)
{
    const struct supervisor_limits limits = {PATIENCE_MS, PATIENCE_MS};
    static struct run run;

    run_start(&run, "good", &limits);
    CU_ASSERT_TRUE(run_says(&run, "ready;"));
    run_reload(&run, "dnsd lies");
    CU_ASSERT_TRUE(run_says(&run, "is killed: the issuer says that it broke the protocol"));
    CU_ASSERT_TRUE(run_says(&run, "dnsd starts with dnsd lies"));
    run_reload(&run, "who lies");
    CU_ASSERT_TRUE(run_says(&run, "is killed: it sent a message that it may not send"));
    CU_ASSERT_TRUE(run_says(&run, "issuer starts with who lies"));
    CU_ASSERT_EQUAL(run_end(&run, SIGTERM), 0);
}

/* The issuer uses what it found good at last, and so do the others from then on. */
static void test_late_yes(void)
{
    const struct supervisor_limits limits = {PATIENCE_MS, 200};
    static struct run run;

    run_start(&run, "good", &limits);
    CU_ASSERT_TRUE(run_says(&run, "ready;"));
    run_reload(&run, "late yes");
    CU_ASSERT_TRUE(run_says(&run, "reload refused: the issuer did not judge it within 0.2 s"));
    CU_ASSERT_TRUE(run_says(&run, "reload refused: the issuer is still judging the one before"));
    CU_ASSERT_TRUE(run_says(&run, "reload: configuration 1 is in use"));
    CU_ASSERT_TRUE(run_says(&run, "starts with late yes"));
    run_reload(&run, "better");
    CU_ASSERT_TRUE(run_says(&run, "reload: configuration 2 is in use"));
    CU_ASSERT_TRUE(run_says(&run, "starts with better"));
    CU_ASSERT_EQUAL(run_end(&run, SIGTERM), 0);
}

static void test_late_no(void)
{
    const struct supervisor_limits limits = {PATIENCE_MS, 200};
    static struct run run;

    run_start(&run, "good", &limits);
    CU_ASSERT_TRUE(run_says(&run, "ready;"));
    run_reload(&run, "late no");
    CU_ASSERT_TRUE(run_says(&run, "reload refused: the issuer did not judge it within 0.2 s"));
    CU_ASSERT_TRUE(run_says(&run, "reload refused: no, says the issuer; the old"));
    run_reload(&run, "better");
    CU_ASSERT_TRUE(run_says(&run, "reload: configuration 1 is in use"));
    CU_ASSERT_EQUAL(run_end(&run, SIGTERM), 0);
}

int main(int argc, char **argv)
{
    static const struct suite_case cases[] = {
        {"a first start that does not end", test_first_start},
        {"closed standard descriptors", test_standard},
        {"a restart that does not end", test_later_start},
        {"a child that runs and says that it cannot start", test_alarms},
        {"a peer that is said to have broken the protocol", test_broken},
        {"a reload that is judged good too late", test_late_yes},
        {"a reload that is judged bad too late", test_late_no},
    };

    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        return fake_main(argv[2]);
    }
    if (mkdtemp(folder) == NULL || chmod(folder, 0711) < 0) {
        return 2;
    }
    int ret = suite_run("late", cases, SUITE_COUNT(cases));
    suite_remove(folder);
    return ret;
}

#include "supervisor/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/libc.h"
#include "common/self.h"
#include "common/sock.h"

#define ENVIRONMENT_MAX 16
#define SEND_BYTES      (1 << 20) /* so that a start message fits before the child reads */

static const char *const inherited[] = {"TZ",           "LANG",         "LC_ALL",
                                        "LC_CTYPE",     "ASAN_OPTIONS", "LSAN_OPTIONS",
                                        "TSAN_OPTIONS", "UBSAN_OPTIONS"};

const char *process_name(enum ipc_role role)
{
    switch (role) {
    case IPC_ROLE_DNSD:
        return "certmill-dnsd";
    case IPC_ROLE_ISSUER:
        return "certmill-issuer";
    case IPC_ROLE_SIGNER:
        return "certmill-signer";
    default:
        return "certmilld";
    }
}

void process_describe(int status, char *dst, size_t cap)
{
    if (WIFSIGNALED(status)) {
        const char *text = libc_signal_text(WTERMSIG(status));
        snprintf(dst, cap, "was killed by signal %d (%s)", WTERMSIG(status),
                 text != NULL ? text : "unknown");
    } else {
        snprintf(dst, cap, "ended with status %d", WEXITSTATUS(status));
    }
}

static void pick_environment(char *out[static ENVIRONMENT_MAX], char *more)
{
    size_t n = 0;

    for (char **e = environ; *e != NULL; e++) {
        for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
            size_t len = strlen(inherited[i]);

            if (n < ENVIRONMENT_MAX - 2 && strncmp(*e, inherited[i], len) == 0 &&
                (*e)[len] == '=') {
                out[n++] = *e;
            }
        }
    }
    out[n++] = more;
    out[n] = NULL;
}

/* In the child, with all signals blocked: only what signal-safety(7) permits. */
static void __attribute__((noreturn))
become(char *const *argv, char *const *envp, int control, pid_t parent)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    sigset_t none;

    for (int s = 1; s < NSIG; s++) {
        signal(s, SIG_DFL);
    }
    /* A terminal or service manager tells them all; who ends when is ours to say. */
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        signal(ignored[i], SIG_IGN);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    self_set_death_signal(SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        _exit(1);
    }
    if (control == IPC_CONTROL_FD) {
        fcntl(control, F_SETFD, 0);
    } else if (dup2(control, IPC_CONTROL_FD) < 0) {
        _exit(1);
    }
    if (self_close_from(IPC_CONTROL_FD + 1) < 0) {
        _exit(1);
    }
    self_execute(argv, envp);
    _exit(127);
}

int process_spawn(enum ipc_role role, pid_t *pid, int *control, struct err *err)
{
    char name[16], option[] = "--role", word[16];
    /* libuv 1.49 and later would work through io_uring, whose requests no filter sees: refused */
    char uring[] = "UV_USE_IO_URING=0";
    char *argv[] = {name, option, word, NULL};
    char *envp[ENVIRONMENT_MAX];
    int pair[2];
    sigset_t all, before;
    const pid_t self = getpid();

    snprintf(name, sizeof(name), "%s", process_name(role));
    snprintf(word, sizeof(word), "%s", ipc_role_name(role));
    pick_environment(envp, uring);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_set(err, -errno, "cannot make a channel to %s: %s", word, err_string(-errno));
    }
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
        int ret = -errno;
        close(pair[0]);
        close(pair[1]);
        return err_set(err, ret, "cannot make a channel to %s: %s", word, err_string(ret));
    }
    sock_widen_send(pair[0], SEND_BYTES);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    *pid = fork();
    if (*pid == 0) {
        become(argv, envp, pair[1], self);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (*pid < 0) {
        close(pair[0]);
        return err_set(err, -error, "cannot start %s: %s", word, err_string(-error));
    }
    *control = pair[0];
    return 0;
}

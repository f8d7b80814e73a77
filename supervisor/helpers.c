#include "supervisor/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memfile.h"
#include "common/self.h"
#include "supervisor/process.h"
#include "supervisor/state.h"

#define HOUR_MS     3600000
#define NOT_RUN     127
#define MAIL_WORDS  5 /* sendmail -i -f FROM -- */
#define CPU_SECONDS 30
#define FILE_BYTES  (64u << 20)
#define FILES       256

/* All that a program is started with. */
struct launch {
    char **argv;
    int input;
    bool as_root; /* user and group are to be taken on */
    uid_t uid;
    gid_t gid;
    pid_t parent;
};

static const char *program_of(const struct supervisor *sup, enum ipc_notify how)
{
    const struct server_conf *conf = &sup->conf;

    if (how == IPC_NOTIFY_PROGRAM) {
        return conf->notify_program;
    }
    return conf->notify_email.count > 0 ? conf->notify_sendmail : NULL;
}

/* -- in the child, with all signals blocked: only what signal-safety(7) permits -- */

static void limit(void)
{
    const struct {
        int what;
        rlim_t most;
    } limits[] = {{RLIMIT_CORE, 0},
                  {RLIMIT_CPU, CPU_SECONDS},
                  {RLIMIT_FSIZE, FILE_BYTES},
                  {RLIMIT_NOFILE, FILES}};

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct rlimit value = {limits[i].most, limits[i].most};

        if (setrlimit(limits[i].what, &value) < 0) {
            _exit(NOT_RUN);
        }
    }
}

/* no_new_privs is not set: mail is queued by programs that are setgid. */
static void become(const struct launch *launch)
{
    if (launch->as_root &&
        (setgroups(1, &launch->gid) < 0 || setresgid(launch->gid, launch->gid, launch->gid) < 0 ||
         setresuid(launch->uid, launch->uid, launch->uid) < 0)) {
        _exit(NOT_RUN);
    }
    self_set_death_signal(SIGKILL); /* a change of user forgets it */
    if (getppid() != launch->parent) {
        _exit(NOT_RUN);
    }
}

static void __attribute__((noreturn)) run(const struct launch *launch)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                home[] = "HOME=/", lang[] = "LANG=C.UTF-8";
    char *envp[] = {path, home, lang, NULL};
    sigset_t none;

    for (int s = 1; s < NSIG; s++) {
        signal(s, SIG_DFL);
    }
    int null = open("/dev/null", O_RDWR);
    if (setpgid(0, 0) < 0 || chdir("/") < 0 || null < 0 || dup2(launch->input, STDIN_FILENO) < 0 ||
        dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
        self_close_from(STDERR_FILENO + 1) < 0) {
        _exit(NOT_RUN);
    }
    umask(077);
    limit();
    become(launch);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(launch->argv[0], launch->argv, envp);
    _exit(NOT_RUN);
}

/* -- starting -- */

/* malloc'd; the words are the configuration's. */
static char **make_argv(const struct supervisor *sup, enum ipc_notify how)
{
    const struct server_conf *conf = &sup->conf;
    char **argv = calloc(MAIL_WORDS + conf->notify_email.count + 1, sizeof(*argv));
    size_t n = 0;

    if (argv == NULL || how == IPC_NOTIFY_PROGRAM) {
        if (argv != NULL) {
            argv[0] = conf->notify_program;
        }
        return argv;
    }
    argv[n++] = conf->notify_sendmail;
    argv[n++] = (char *)(uintptr_t) "-i";
    if (conf->notify_from != NULL) {
        argv[n++] = (char *)(uintptr_t) "-f";
        argv[n++] = conf->notify_from;
    }
    argv[n++] = (char *)(uintptr_t) "--";
    for (size_t i = 0; i < conf->notify_email.count; i++) {
        argv[n++] = conf->notify_email.items[i];
    }
    return argv;
}

static int find_user(const struct supervisor *sup, struct launch *launch)
{
    const struct passwd *pw;

    launch->as_root = geteuid() == 0;
    if (!launch->as_root) {
        return 0;
    }
    if ((pw = getpwnam(sup->conf.notify_user)) == NULL || pw->pw_uid == 0) {
        return ERR_NOT_FOUND;
    }
    launch->uid = pw->pw_uid;
    launch->gid = pw->pw_gid;
    return 0;
}

static int spawn(const struct supervisor *sup, enum ipc_notify how, int input, pid_t *pid)
{
    struct launch launch = {.argv = make_argv(sup, how), .input = input, .parent = getpid()};
    sigset_t all, before;
    int ret = launch.argv == NULL ? -ENOMEM : find_user(sup, &launch);

    if (ret == 0) {
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before);
        *pid = fork();
        if (*pid == 0) {
            run(&launch);
        }
        ret = *pid < 0 ? -errno : 0;
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    free(launch.argv);
    return ret;
}

static void on_late(uv_timer_t *timer)
{
    struct helper *helper = timer->data;

    helper->late = true;
    kill(-helper->pid, SIGKILL);
    kill(helper->pid, SIGKILL); /* where it left its group */
}

static void start(struct helper *helper, enum ipc_notify how, int input)
{
    struct supervisor *sup = helper->sup;
    const char *program = program_of(sup, how);
    int ret;

    if (program == NULL) {
        return; /* not any more */
    }
    if ((ret = spawn(sup, how, input, &helper->pid)) < 0) {
        helper->pid = 0;
        log_warning(sup->log, NULL, "%s could not be run to notify: %s", program, err_string(ret));
        return;
    }
    helper->how = how;
    helper->late = false;
    uv_timer_start(&helper->timer, on_late, LIMIT_NOTIFY_MS, 0);
}

static void start_waiting(struct supervisor *sup)
{
    struct helpers *helpers = &sup->helpers;

    for (size_t i = 0; i < LIMIT_NOTIFY_RUNNING; i++) {
        while (helpers->running[i].pid == 0 && helpers->waiting > 0 && !sup->stopping) {
            int input = helpers->queue[0].fd;

            start(&helpers->running[i], helpers->queue[0].how, input);
            close(input);
            memmove(helpers->queue, helpers->queue + 1,
                    --helpers->waiting * sizeof(helpers->queue[0]));
        }
    }
}

/* -- taking -- */

/* The issuer counts by itself; this holds whatever it does. Each event may be two, and there is one
 * more for those that were held back. */
static bool is_too_much(struct supervisor *sup)
{
    struct helpers *helpers = &sup->helpers;
    uint64_t now = clock_mono_ms(&clock_system);

    if (now - helpers->hour >= HOUR_MS) {
        helpers->hour = now;
        helpers->taken = 0;
    }
    return helpers->waiting == LIMIT_NOTIFY_QUEUE ||
           helpers->taken++ >= 2 * (sup->conf.notify_per_hour + 1);
}

void helpers_take(struct supervisor *sup, enum ipc_notify how, const uint8_t *text, size_t len)
{
    struct helpers *helpers = &sup->helpers;
    int fd = -1;

    if (program_of(sup, how) == NULL || sup->stopping) {
        return;
    }
    if (is_too_much(sup) || (fd = memfile_from("notification", text, len, false)) < 0) {
        if (helpers->dropped++ == 0) {
            log_warning(sup->log, NULL, "notifications are dropped: too many, or no memory");
        }
        return;
    }
    if (helpers->dropped > 0) {
        log_warning(sup->log, NULL, "notifications that were dropped: %llu",
                    (unsigned long long)helpers->dropped);
        helpers->dropped = 0;
    }
    helpers->queue[helpers->waiting].how = how;
    helpers->queue[helpers->waiting++].fd = fd;
    start_waiting(sup);
}

/* -- ends -- */

static void ended(struct helper *helper, int status)
{
    struct supervisor *sup = helper->sup;
    const char *program = program_of(sup, helper->how);
    char how[96];

    program = program != NULL ? program : "a program";
    uv_timer_stop(&helper->timer);
    helper->pid = 0;
    process_describe(status, how, sizeof(how));
    if (helper->late) {
        log_warning(sup->log, NULL, "%s was killed: it took more than %d s to notify", program,
                    LIMIT_NOTIFY_MS / 1000);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_RUN) {
        log_warning(sup->log, NULL, "%s could not be run to notify", program);
    } else if (status != 0) {
        log_warning(sup->log, NULL, "%s, run to notify, %s", program, how);
    } else {
        log_debug(sup->log, NULL, "%s has notified", program);
    }
}

void helpers_reap(struct supervisor *sup)
{
    for (size_t i = 0; i < LIMIT_NOTIFY_RUNNING; i++) {
        struct helper *helper = &sup->helpers.running[i];
        int status;

        if (helper->pid > 0 && waitpid(helper->pid, &status, WNOHANG) == helper->pid) {
            ended(helper, status);
        }
    }
    start_waiting(sup);
}

void helpers_init(struct supervisor *sup)
{
    sup->helpers.hour = clock_mono_ms(&clock_system);
    for (size_t i = 0; i < LIMIT_NOTIFY_RUNNING; i++) {
        struct helper *helper = &sup->helpers.running[i];

        helper->sup = sup;
        uv_timer_init(&sup->loop, &helper->timer);
        helper->timer.data = helper;
    }
}

void helpers_close(struct supervisor *sup)
{
    struct helpers *helpers = &sup->helpers;

    for (size_t i = 0; i < LIMIT_NOTIFY_RUNNING; i++) {
        if (helpers->running[i].pid > 0) {
            kill(-helpers->running[i].pid, SIGKILL);
        }
        uv_close((uv_handle_t *)&helpers->running[i].timer, NULL);
    }
    while (helpers->waiting > 0) {
        close(helpers->queue[--helpers->waiting].fd);
    }
}

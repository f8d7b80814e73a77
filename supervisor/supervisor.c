#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sandbox.h"
#include "supervisor/activation.h"
#include "supervisor/folders.h"
#include "supervisor/lock.h"
#include "supervisor/state.h"

static int step_settings(struct supervisor *sup, struct err *err)
{
    return settings_load(sup->source, &sup->conf, err);
}

static int step_log(struct supervisor *sup, struct err *err)
{
    struct boot boot = {.conf = sup->conf};
    int ret = boot_log(&sup->log, &boot, "certmilld", err);

    if (ret == 0 && sandbox_note() != NULL) {
        log_warning(sup->log, NULL, "%s", sandbox_note());
    }
    return ret;
}

/* The children have thousands of connections between them. */
static int step_limits(struct supervisor *sup, struct err *err)
{
    struct rlimit files;

    (void)sup;
    (void)err;
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return 0;
}

static int step_lock(struct supervisor *sup, struct err *err)
{
    int ret = file_make_folder(sup->conf.state_dir, geteuid() == 0 ? 0711 : 0700, err);

    if (ret == 0 && (ret = sup->lock = lock_take(sup->conf.state_dir, err)) >= 0) {
        ret = 0;
    }
    return ret;
}

static int step_folders(struct supervisor *sup, struct err *err)
{
    int ret = folders_users(&sup->conf, err);

    if (ret == 0) {
        ret = folders_state(&sup->conf, err);
    }
    return ret == 0 ? folders_run(&sup->conf, err) : ret;
}

static bool has_socket(const struct supervisor *sup, enum ipc_socket_kind kind)
{
    for (size_t i = 0; i < sup->sockets.count; i++) {
        if (sup->sockets.items[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* What the service manager hands over is taken, the rest is opened. */
static int step_port(struct supervisor *sup, struct err *err)
{
    struct activation activation;
    int ret = activation_parse(&activation, sup->source->envp, getpid(), err);

    sup->workers = settings_workers(&sup->conf);
    if (ret == 0) {
        ret = activation_take(&activation, sup->workers, &sup->sockets, sup->log, err);
        sup->inherited = sup->sockets.count;
    }
    if (ret == 0 && !has_socket(sup, IPC_SOCKET_UDP) && !has_socket(sup, IPC_SOCKET_TCP)) {
        ret = listen_dns(&sup->sockets, &sup->conf.dns_listen, sup->workers, sup->log, err);
    }
    return ret;
}

static int step_local(struct supervisor *sup, struct err *err)
{
    char submit[LIMIT_PATH], control[LIMIT_PATH];
    struct listen_unix sockets[] = {
        {submit, IPC_SOCKET_SUBMIT, 0660, 0},
        {control, IPC_SOCKET_CONTROL, 0600, 0},
    };
    int ret = folders_group(sup->conf.user, &sockets[0].group, err);

    snprintf(submit, sizeof(submit), "%s/submit.sock", sup->conf.run_dir);
    snprintf(control, sizeof(control), "%s/control.sock", sup->conf.run_dir);
    for (size_t i = 0; ret == 0 && i < 2; i++) {
        if (!has_socket(sup, sockets[i].kind)) {
            ret = listen_local(&sup->sockets, &sockets[i], err);
        }
    }
    return ret;
}

static int step_files(struct supervisor *sup, struct err *err)
{
    return files_read(&sup->files, &sup->conf, err);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct supervisor *sup = handle->data;

    switch (signum) {
    case SIGCHLD:
        children_reap(sup);
        helpers_reap(sup);
        break;
    case SIGHUP:
        reload_start(sup, false);
        break;
    default:
        stop_start(sup, 0);
        break;
    }
}

static void on_watchdog(uv_timer_t *timer)
{
    const struct supervisor *sup = timer->data;

    notify_send(&sup->notify, "WATCHDOG=1");
}

static int step_loop(struct supervisor *sup, struct err *err)
{
    const struct {
        uv_signal_t *handle;
        int signum;
    } signals[] = {{&sup->sigchld, SIGCHLD},
                   {&sup->sigterm, SIGTERM},
                   {&sup->sigint, SIGINT},
                   {&sup->sighup, SIGHUP}};
    int ret = uv_loop_init(&sup->loop);

    if (ret < 0) {
        return err_set(err, ret, "cannot make an event loop: %s", err_string(ret));
    }
    sup->loop_made = true;
    children_init(sup);
    helpers_init(sup);
    uv_timer_init(&sup->loop, &sup->stop_timer);
    uv_timer_init(&sup->loop, &sup->watchdog);
    uv_timer_init(&sup->loop, &sup->reload_timer);
    sup->stop_timer.data = sup->reload_timer.data = sup->watchdog.data = sup;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        uv_signal_init(&sup->loop, signals[i].handle);
        signals[i].handle->data = sup;
    }
    for (size_t i = 0; ret == 0 && i < sizeof(signals) / sizeof(signals[0]); i++) {
        ret = uv_signal_start(signals[i].handle, on_signal, signals[i].signum);
    }
    return ret < 0 ? err_set(err, ret, "cannot watch signals: %s", err_string(ret)) : 0;
}

static int step_notify(struct supervisor *sup, struct err *err)
{
    (void)err;
    notify_open(&sup->notify, sup->source->envp, getpid());
    if (sup->notify.watchdog_ms > 0) {
        uv_timer_start(&sup->watchdog, on_watchdog, sup->notify.watchdog_ms,
                       sup->notify.watchdog_ms);
    }
    return 0;
}

static int step_children(struct supervisor *sup, struct err *err)
{
    (void)err;
    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES && !sup->stopping; role++) {
        children_start(&sup->children[role]);
    }
    return 0;
}

static int start(struct supervisor *sup, struct err *err)
{
    static int (*const steps[])(struct supervisor *, struct err *) = {
        step_settings, step_log,   step_limits, step_lock,   step_folders,  step_port,
        step_local,    step_files, step_loop,   step_notify, step_children,
    };
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        ret = steps[i](sup, err);
    }
    return ret;
}

static void close_loop(struct supervisor *sup)
{
    uv_handle_t *const handles[] = {
        (uv_handle_t *)&sup->sigchld,    (uv_handle_t *)&sup->sigterm,
        (uv_handle_t *)&sup->sigint,     (uv_handle_t *)&sup->sighup,
        (uv_handle_t *)&sup->stop_timer, (uv_handle_t *)&sup->reload_timer,
        (uv_handle_t *)&sup->watchdog,
    };

    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        uv_close(handles[i], NULL);
    }
    children_close(sup);
    helpers_close(sup);
    uv_run(&sup->loop, UV_RUN_DEFAULT);
    uv_loop_close(&sup->loop);
}

/* The service manager's sockets are its own; ours go with us. */
static void remove_local(const struct supervisor *sup)
{
    for (size_t i = sup->inherited; i < sup->sockets.count; i++) {
        const struct boot_socket *s = &sup->sockets.items[i];

        if (s->kind == IPC_SOCKET_SUBMIT || s->kind == IPC_SOCKET_CONTROL) {
            unlink(s->address);
        }
    }
}

static void finish(struct supervisor *sup)
{
    if (sup->loop_made) {
        close_loop(sup);
    }
    remove_local(sup);
    reload_clear(sup);
    listen_clear(&sup->sockets);
    files_clear(&sup->files);
    notify_close(&sup->notify);
    lock_release(sup->lock);
    log_free(sup->log);
    conf_clear(&server_conf_schema, &sup->conf);
    free(sup);
}

/* A standard descriptor that came closed would be the next socket's number, and log
 * lines would go out there. */
static void hold_standard(void)
{
    int fd;

    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {
    }
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

int supervisor_run(int argc, char **argv, char **envp, const struct supervisor_limits *limits)
{
    struct settings_source source = {argc, argv, envp};
    struct supervisor *sup = calloc(1, sizeof(*sup));
    struct err err = {0};
    char *path = NULL;

    hold_standard();
    if (sup == NULL) {
        return 1;
    }
    sup->source = &source;
    sup->limits = *limits;
    sup->lock = sup->notify.fd = -1;
    int ret = settings_enter(&source, &path, &err);
    if (ret == 0) {
        ret = start(sup, &err);
    }
    if (ret == 0) {
        uv_run(&sup->loop, UV_RUN_DEFAULT);
        log_info(sup->log, NULL, "stopped");
        ret = sup->status;
    } else {
        fprintf(stderr, "certmilld: %s\n", err.text);
        if (sup->conf.syslog_facility != NULL) {
            log_critical(sup->log, NULL, "cannot start: %s", err.text);
        }
        ret = 2;
    }
    finish(sup);
    free(path);
    return ret;
}

int supervisor_main(int argc, char **argv, char **envp)
{
    const struct supervisor_limits limits = {LIMIT_START_MS, LIMIT_RELOAD_MS};

    return supervisor_run(argc, argv, envp, &limits);
}

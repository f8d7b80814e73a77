/*
 * The process that answers DNS. It starts as a list of steps, each leaving less that it may do;
 * when the first packet is read it has no file, no key, and no way to make a connection. The
 * main thread talks to supervisor and issuer, the workers to the world.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "common/boot.h"
#include "common/file.h"
#include "common/limits.h"
#include "common/msg.h"
#include "common/priority.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "dnsd/peer.h"
#include "dnsd/quota.h"
#include "dnsd/service.h"
#include "dnsd/share.h"
#include "dnsd/swap.h"
#include "dnsd/worker.h"

struct dnsd {
    int control;
    int status; /* of the process */
    struct boot boot;
    struct log *log;
    uv_loop_t loop;
    struct wake notify;
    uv_poll_t poll;
    uv_signal_t terminate;
    bool handles_made;
    struct service service;
    uint8_t hash_key[16], spare[COOKIE_SECRET]; /* random */
    struct quota *quota;
    struct swap *swap;
    struct peer *peer;
    struct worker *workers[LIMIT_DNS_THREADS];
    size_t worker_count;
    uint8_t buf[LIMIT_MESSAGE];
};

static int step_boot(struct dnsd *d, struct err *err)
{
    return boot_receive(d->control, &d->boot, err);
}

static int step_log(struct dnsd *d, struct err *err)
{
    return boot_log(&d->log, &d->boot, "dnsd", err);
}

/* A terminal's Ctrl-C and hang-up reach the whole process group; the supervisor decides. */
static int step_signals(struct dnsd *d, struct err *err)
{
    (void)d;
    (void)err;
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

/* A publication waits for this thread twice. */
static int step_priority(struct dnsd *d, struct err *err)
{
    (void)d;
    (void)err;
    priority_raise();
    return 0;
}

static int step_service(struct dnsd *d, struct err *err)
{
    if (getrandom(d->hash_key, sizeof(d->hash_key), 0) != sizeof(d->hash_key) ||
        getrandom(d->spare, sizeof(d->spare), 0) != sizeof(d->spare)) {
        return err_set(err, -errno, "no random octets: %s", err_string(-errno));
    }
    int ret = service_make(&d->service, &d->boot, share_workers(&d->boot), d->spare, err);
    boot_close_files(&d->boot);
    return ret;
}

/* Where the host's limit leaves no room for all clients: as many as fit. */
static int fit_clients(struct dnsd *d, rlim_t limit, rlim_t fixed, rlim_t wanted, struct err *err)
{
    size_t workers = share_workers(&d->boot);
    size_t fit = limit > fixed ? (limit - fixed) / workers : 0;

    if (fit == 0) {
        return err_set(err, ERR_LIMIT,
                       "this host allows %llu open files, and dnsd needs %llu: raise LimitNOFILE "
                       "of the unit, or ulimit -n, to that",
                       (unsigned long long)limit, (unsigned long long)wanted);
    }
    log_warning(d->log, NULL,
                "this host allows %llu open files, room for %zu TCP clients instead of the %zu of "
                "dns-tcp-clients: raise LimitNOFILE of the unit, or ulimit -n, to %llu, or lower "
                "dns-tcp-clients",
                (unsigned long long)limit, fit * workers, d->service.tcp_clients * workers,
                (unsigned long long)wanted);
    d->service.tcp_clients = fit;
    return 0;
}

/* Room for the clients that we take, and no more. */
static int step_files(struct dnsd *d, struct err *err)
{
    size_t workers = share_workers(&d->boot);
    rlim_t fixed = LIMIT_DNSD_FDS + d->boot.socket_count + workers * LIMIT_WORKER_FDS;
    rlim_t wanted = fixed + workers * d->service.tcp_clients;
    struct rlimit files;
    int ret;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0) {
        return err_set(err, -errno, "getrlimit: %s", err_string(-errno));
    }
    if (files.rlim_max < wanted && (ret = fit_clients(d, files.rlim_max, fixed, wanted, err)) < 0) {
        return ret;
    }
    if (files.rlim_max > wanted) { /* RLIM_INFINITY is */
        files.rlim_max = wanted;
    }
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
        return err_set(err, -errno, "setrlimit: %s", err_string(-errno));
    }
    return 0;
}

static int step_user(struct dnsd *d, struct err *err)
{
    const struct server_conf *conf = &d->boot.conf;
    char root[LIMIT_PATH];
    bool active;
    int ret;

    snprintf(root, sizeof(root), "%s/empty", conf->run_dir);
    if (geteuid() == 0 && (ret = file_make_folder(root, 0755, err)) < 0) {
        return ret;
    }
    if ((ret = sandbox_drop_user(conf->dns_user, root, false, err)) < 0) {
        return ret;
    }
    if ((ret = sandbox_files(NULL, 0, false, &active, err)) < 0) {
        return ret;
    }
    if (!active) {
        log_info(d->log, NULL, "this kernel has no Landlock; seccomp alone keeps files away");
    }
    return 0;
}

/* Once the threads run, so that no other can be made. They read no packet before the first image.
 */
static int step_seccomp(struct dnsd *d, struct err *err)
{
    (void)d;
    return sandbox_calls(SANDBOX_DNSD, err);
}

static void wake_workers(void *arg)
{
    struct dnsd *d = arg;

    for (size_t i = 0; i < d->worker_count; i++) {
        worker_wake(d->workers[i]);
    }
}

static void on_notify(void *arg)
{
    struct dnsd *d = arg;

    peer_notify(d->peer);
}

static void on_terminate(uv_signal_t *handle, int signum)
{
    (void)signum;
    uv_stop(handle->loop);
}

static void fail(struct dnsd *d, const char *what, int code)
{
    log_critical(d->log, NULL, "%s: %s", what, err_string(code));
    d->status = 1;
    uv_stop(&d->loop);
}

/* Buffers and descriptors have been made for these; the supervisor warns. */
static void keep_fixed(struct service *fresh, const struct service *old)
{
    fresh->payload = old->payload;
    fresh->tcp_clients = old->tcp_clients;
}

static void reload(struct dnsd *d, struct msg_reader *r, const int *fds, size_t nfds)
{
    struct boot boot = {0};
    struct service service;
    struct err err = {0};
    enum log_level level;

    if (boot_decode(&boot, r, fds, nfds, &err) < 0) {
        log_error(d->log, NULL, "%s; the old configuration stays in use here: reload again",
                  err.text);
        return;
    }
    if (service_make(&service, &boot, d->worker_count, d->spare, &err) < 0) {
        log_error(d->log, NULL,
                  "%s; the old configuration stays in use here: correct it and reload again",
                  err.text);
    } else {
        if (log_level_parse(boot.conf.log_level, &level) == 0) {
            log_set_level(d->log, level);
        }
        keep_fixed(&service, &d->service);
        d->service = service;
        for (size_t i = 0; i < d->worker_count; i++) {
            worker_configure(d->workers[i], &service);
        }
    }
    service_wipe(&service);
    boot_clear(&boot);
}

/* Descriptors are taken over. */
static int take_message(struct dnsd *d, size_t len, int *fds, size_t nfds)
{
    struct msg_reader r;
    int ret = msg_open(&r, d->buf, len);

    if (ret == 0 && r.type == IPC_RELOAD) {
        reload(d, &r, fds, nfds);
        return 0;
    }
    if (ret == 0 && r.type == IPC_PEER && nfds == 1 && msg_get_u8(&r) == IPC_ROLE_ISSUER &&
        msg_done(&r) == 0) {
        return peer_connect(d->peer, fds[0]);
    }
    if (ret == 0 && r.type == IPC_STOP && nfds == 0) {
        uv_stop(&d->loop);
        return 0;
    }
    for (size_t i = 0; i < nfds; i++) {
        close(fds[i]);
    }
    return ret < 0 ? ret : ERR_PROTOCOL;
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct dnsd *d = poll->data;
    int fds[LIMIT_MESSAGE_FDS];
    size_t nfds = LIMIT_MESSAGE_FDS;
    int len = msg_recv(d->control, d->buf, sizeof(d->buf), fds, &nfds);
    int ret;

    (void)events;
    if (len == -EAGAIN && status == 0) {
        return;
    }
    if (len == 0 || len == -EAGAIN || len == -ECONNRESET) {
        uv_stop(&d->loop); /* the supervisor is gone */
    } else if (len < 0) {
        fail(d, "the channel to the supervisor", len);
    } else if ((ret = take_message(d, (size_t)len, fds, nfds)) < 0) {
        fail(d, "a message of the supervisor", ret);
    }
}

static int step_loop(struct dnsd *d, struct err *err)
{
    int ret = uv_loop_init(&d->loop);

    if (ret < 0) {
        return err_set(err, ret, "cannot make an event loop: %s", err_string(ret));
    }
    if ((ret = wake_init(&d->notify, &d->loop, on_notify, d)) < 0 ||
        (ret = uv_signal_init(&d->loop, &d->terminate)) < 0 ||
        (ret = uv_poll_init(&d->loop, &d->poll, d->control)) < 0) {
        return err_set(err, ret, "cannot watch the control channel: %s", err_string(ret));
    }
    d->handles_made = true;
    d->poll.data = d;
    if ((ret = uv_signal_start(&d->terminate, on_terminate, SIGTERM)) < 0 ||
        (ret = uv_poll_start(&d->poll, UV_READABLE, on_control)) < 0) {
        return err_set(err, ret, "cannot watch the control channel: %s", err_string(ret));
    }
    return 0;
}

static int step_workers(struct dnsd *d, struct err *err)
{
    size_t count = share_workers(&d->boot);
    int ret = swap_new(&d->swap, count, wake_workers, d);

    size_t clients = count * (d->service.tcp_clients + 1); /* one more until another gives way */

    if (ret < 0 || (ret = quota_new(&d->quota, clients, d->hash_key)) < 0) {
        return err_set(err, ret, "cannot make workers: %s", err_string(ret));
    }
    for (size_t i = 0; i < count; i++) {
        int udp[LIMIT_DNS_LISTEN], tcp[LIMIT_DNS_LISTEN];
        struct worker_options options = {
            .index = i,
            .swap = d->swap,
            .notify = &d->notify,
            .service = &d->service,
            .quota = d->quota,
            .clock = &clock_system,
            .udp = udp,
            .tcp = tcp,
            .udp_count = share_sockets(&d->boot, IPC_SOCKET_UDP, i, udp, LIMIT_DNS_LISTEN),
            .tcp_count = share_sockets(&d->boot, IPC_SOCKET_TCP, i, tcp, LIMIT_DNS_LISTEN),
        };

        memcpy(options.hash_key, d->hash_key, sizeof(options.hash_key));
        if ((ret = worker_new(&d->workers[i], &options, err)) < 0) {
            return ret;
        }
        d->worker_count++;
    }
    return 0;
}

static int step_peer(struct dnsd *d, struct err *err)
{
    const struct peer_options options = {.loop = &d->loop,
                                         .log = d->log,
                                         .swap = d->swap,
                                         .workers = d->workers,
                                         .worker_count = d->worker_count};
    int ret = peer_new(&d->peer, &options);

    for (size_t i = 0; ret == 0 && i < d->boot.socket_count; i++) {
        struct boot_socket *s = &d->boot.sockets[i];

        if (s->kind == IPC_SOCKET_PEER && s->role == IPC_ROLE_ISSUER) {
            int fd = s->fd;

            s->fd = -1;
            ret = peer_connect(d->peer, fd);
        }
    }
    return ret < 0 ? err_set(err, ret, "cannot watch the issuer's channel: %s", err_string(ret))
                   : 0;
}

static int step_threads(struct dnsd *d, struct err *err)
{
    for (size_t i = 0; i < d->worker_count; i++) {
        int ret = worker_start(d->workers[i]);

        if (ret < 0) {
            return err_set(err, ret, "cannot start worker %zu: %s", i, err_string(ret));
        }
    }
    return 0;
}

static int step_ready(struct dnsd *d, struct err *err)
{
    int ret = boot_ready(d->control);

    return ret < 0 ? err_set(err, ret, "cannot tell the supervisor: %s", err_string(ret)) : 0;
}

static int start(struct dnsd *d, struct err *err)
{
    static int (*const steps[])(struct dnsd *, struct err *) = {
        step_boot, step_log,     step_signals, step_priority, step_service, step_files, step_user,
        step_loop, step_workers, step_peer,    step_threads,  step_seccomp, step_ready,
    };
    int ret = 0;

    for (size_t i = 0; ret == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        ret = steps[i](d, err);
    }
    return ret;
}

static void stop_workers(struct dnsd *d)
{
    for (size_t i = 0; i < d->worker_count; i++) {
        worker_stop(d->workers[i]);
    }
    for (size_t i = 0; i < d->worker_count; i++) {
        worker_free(d->workers[i]);
    }
}

static void stop(struct dnsd *d)
{
    stop_workers(d);
    peer_close(d->peer);
    if (d->handles_made) {
        wake_close(&d->notify);
        uv_close((uv_handle_t *)&d->poll, NULL);
        uv_close((uv_handle_t *)&d->terminate, NULL);
        uv_run(&d->loop, UV_RUN_DEFAULT);
        uv_loop_close(&d->loop);
    }
    peer_free(d->peer);
    swap_free(d->swap);
    quota_free(d->quota);
    boot_clear(&d->boot);
    log_free(d->log);
    explicit_bzero(d, sizeof(*d));
    free(d);
}

int dnsd_main(int control)
{
    struct dnsd *d = calloc(1, sizeof(*d));
    struct err err = {0};
    int status;

    if (d == NULL) {
        return 1;
    }
    d->control = control;
    if (start(d, &err) < 0) {
        log_critical(d->log, NULL, "%s", err.text);
        boot_failed(control, &err);
        d->status = 1;
    } else {
        log_info(d->log, NULL, "answering with %zu threads", d->worker_count);
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    status = d->status;
    stop(d);
    return status;
}

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/process.h"
#include "supervisor/state.h"

#define MESSAGES_A_WAKEUP 16

static void schedule(struct child *child, uint64_t lived_ms);

static const char *name_of(const struct child *child)
{
    return ipc_role_name(child->role);
}

static void put_process(struct msg_writer *w, uint8_t *buf, size_t cap, const struct child *child)
{
    msg_begin(w, buf, cap, IPC_PROCESS);
    msg_put_u8(w, (uint8_t)child->role);
    msg_put_u8(w, (uint8_t)child->state);
    msg_put_u32(w, (uint32_t)child->pid);
    msg_put_u32(w, child->restarts);
    msg_put_u64(w, (uint64_t)child->since);
}

/* The issuer answers certmillctl, so it has to know. */
static void set_state(struct child *child, enum ipc_process_state state)
{
    uint8_t buf[32];
    struct msg_writer w;

    child->state = state;
    child->since = clock_wall_s(&clock_system);
    put_process(&w, buf, sizeof(buf), child);
    children_tell(&child->sup->children[IPC_ROLE_ISSUER], &w);
}

void children_tell(struct child *child, const struct msg_writer *w)
{
    if (child->life != NULL) {
        (void)msg_send(child->life->control, w, NULL, 0);
    }
}

void children_kill(struct child *child, const char *why)
{
    if (child->pid > 0) {
        log_error(child->sup->log, NULL, "%s (pid %d) is killed: %s", name_of(child),
                  (int)child->pid, why);
        kill(child->pid, SIGKILL);
    }
}

/* The first start is all or nothing. False where this is not the first one. */
static bool fail_start(struct supervisor *sup, const char *what, const char *why, int status)
{
    if (sup->was_ready || sup->stopping) {
        return false;
    }
    log_critical(sup->log, NULL, "cannot start: %s: %s", what, why);
    if (sup->conf.syslog_facility != NULL) {
        fprintf(stderr, "certmilld: %s: %s\n", what, why);
    }
    stop_start(sup, status);
    return true;
}

static void all_ready(struct supervisor *sup)
{
    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        if (sup->children[role].state != IPC_PROCESS_RUNNING) {
            return;
        }
    }
    if (!sup->was_ready) {
        sup->was_ready = true;
        log_info(sup->log, NULL, "ready; zones: %zu, DNS threads: %zu", sup->conf.zones.count,
                 sup->workers);
        notify_send(&sup->notify, "READY=1\nSTATUS=zones: %zu", sup->conf.zones.count);
    }
}

static void on_failed(struct child *child, struct msg_reader *r)
{
    char text[LIMIT_ERROR_TEXT];

    msg_get_str(r, text, sizeof(text));
    child->failed = true;
    if (!fail_start(child->sup, name_of(child), text, 2)) {
        log_error(child->sup->log, NULL, "%s cannot start: %s", name_of(child), text);
    }
}

static void on_reloaded(struct supervisor *sup, struct msg_reader *r)
{
    char text[LIMIT_ERROR_TEXT];
    bool good = msg_get_u8(r) == 1;

    msg_get_str(r, text, sizeof(text));
    if (msg_done(r) == 0) {
        reload_judged(sup, good, text);
    }
}

/* The issuer's word on dnsd or the signer; one that is gone already begins anew anyhow. */
static int on_broken(struct supervisor *sup, struct msg_reader *r)
{
    uint8_t role = msg_get_u8(r);

    if (msg_done(r) < 0 || (role != IPC_ROLE_DNSD && role != IPC_ROLE_SIGNER)) {
        return ERR_PROTOCOL;
    }
    if (sup->children[role].state == IPC_PROCESS_RUNNING) {
        children_kill(&sup->children[role], "the issuer says that it broke the protocol");
    }
    return 0;
}

static int on_notify(struct supervisor *sup, struct msg_reader *r)
{
    uint8_t how = msg_get_u8(r);
    size_t len;
    const uint8_t *text = msg_get_bytes(r, LIMIT_NOTIFY, &len);

    if (msg_done(r) < 0 || how > IPC_NOTIFY_MAIL) {
        return ERR_PROTOCOL;
    }
    helpers_take(sup, (enum ipc_notify)how, text, len);
    return 0;
}

/* 0 or negative: the child does not keep to the protocol. */
static int take_message(struct child *child, struct msg_reader *r)
{
    bool issuer = child->role == IPC_ROLE_ISSUER;

    if (r->type == IPC_READY && child->state == IPC_PROCESS_STARTING) {
        log_debug(child->sup->log, NULL, "%s (pid %d) is up", name_of(child), (int)child->pid);
        uv_timer_stop(&child->timer);
        set_state(child, IPC_PROCESS_RUNNING);
        all_ready(child->sup);
    } else if (r->type == IPC_FAILED && child->state == IPC_PROCESS_STARTING && !child->failed) {
        on_failed(child, r);
    } else if (r->type == IPC_RELOADED && issuer) {
        on_reloaded(child->sup, r);
    } else if (r->type == IPC_RELOAD_REQUEST && issuer) {
        reload_start(child->sup, true);
    } else if (r->type == IPC_PEER_BROKEN && issuer) {
        return on_broken(child->sup, r);
    } else if (r->type == IPC_NOTIFY && issuer) {
        return on_notify(child->sup, r);
    } else {
        return ERR_PROTOCOL;
    }
    return r->error;
}

/* All that there is, or a bounded part of it. */
static void read_messages(struct child *child, int most)
{
    struct life *life = child->life;
    struct supervisor *sup = child->sup;

    while (most-- > 0 && child->life == life) {
        struct msg_reader r;
        size_t nfds = 0;
        int n = msg_recv(life->control, sup->buf, sizeof(sup->buf), NULL, &nfds);

        if (n == -EAGAIN) {
            return;
        }
        if (n == -ECONNRESET) {
            continue; /* it died with our words unread; its own last ones come now */
        }
        if (n <= 0) {
            uv_poll_stop(&life->poll); /* its death will be told by SIGCHLD */
            if (n < 0) {
                children_kill(child, err_string(n));
            }
            return;
        }
        if (msg_open(&r, sup->buf, (size_t)n) < 0 || take_message(child, &r) < 0) {
            uv_poll_stop(&life->poll);
            children_kill(child, "it sent a message that it may not send");
            return;
        }
    }
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct life *life = poll->data;

    (void)status;
    (void)events;
    if (life->child != NULL) {
        read_messages(life->child, MESSAGES_A_WAKEUP);
    }
}

static void on_life_closed(uv_handle_t *handle)
{
    struct life *life = handle->data;

    close(life->control);
    free(life);
}

static void end_life(struct child *child)
{
    struct life *life = child->life;

    child->life = NULL;
    if (life != NULL) {
        life->child = NULL;
        uv_close((uv_handle_t *)&life->poll, on_life_closed);
    }
}

static int begin_life(struct child *child, int control)
{
    struct life *life = calloc(1, sizeof(*life));
    int ret = life != NULL ? uv_poll_init(&child->sup->loop, &life->poll, control) : -ENOMEM;

    if (ret < 0) {
        close(control);
        free(life);
        return ret;
    }
    life->child = child;
    life->control = control;
    life->poll.data = life;
    child->life = life;
    return uv_poll_start(&life->poll, UV_READABLE, on_control);
}

/* The sockets of a role: dnsd has port 53, the issuer the local ones. */
static size_t pick_sockets(const struct child *child, struct boot_socket *out)
{
    const struct listen_set *set = &child->sup->sockets;
    size_t n = 0;

    for (size_t i = 0; i < set->count; i++) {
        bool dns = set->items[i].kind == IPC_SOCKET_UDP || set->items[i].kind == IPC_SOCKET_TCP;

        if ((dns && child->role == IPC_ROLE_DNSD) || (!dns && child->role == IPC_ROLE_ISSUER)) {
            out[n++] = set->items[i];
        }
    }
    return n;
}

static int send_boot(struct child *child, struct err *err)
{
    struct supervisor *sup = child->sup;
    struct files files = {.count = 0};
    struct boot boot = {.generation = sup->generation,
                        .conf = settings_for(child->role, &sup->conf)};
    struct boot_socket *sockets = calloc(sup->sockets.count + IPC_ROLES, sizeof(*sockets));
    int peers = 0, ret = -ENOMEM;

    if (sockets == NULL) {
        return err_set(err, ret, "out of memory");
    }
    boot.conf.dns_threads = (int64_t)sup->workers;
    boot.sockets = sockets;
    boot.socket_count = pick_sockets(child, sockets);
    if ((ret = peers = peers_connect(child, sockets + boot.socket_count)) < 0) {
        err_set(err, ret, "cannot make channels: %s", err_string(ret));
        goto err0;
    }
    boot.socket_count += (size_t)peers;
    if ((ret = files_reopen(&files, &sup->files, child->role, err)) < 0) {
        goto err1;
    }
    boot.files = files.items;
    boot.file_count = files.count;
    ret = boot_send(child->life->control, IPC_BOOT, &boot, err);
    files_clear(&files);
err1:
    for (int i = 0; i < peers; i++) {
        close(sockets[boot.socket_count - 1 - (size_t)i].fd);
    }
err0:
    free(sockets);
    return ret;
}

/* The issuer starts with what is known of everyone. */
static void tell_all(struct supervisor *sup)
{
    for (enum ipc_role role = 0; role < IPC_ROLES; role++) {
        uint8_t buf[32];
        struct msg_writer w;

        put_process(&w, buf, sizeof(buf), &sup->children[role]);
        children_tell(&sup->children[IPC_ROLE_ISSUER], &w);
    }
}

static int start(struct child *child, struct err *err)
{
    int control;
    int ret = process_spawn(child->role, &child->pid, &control, err);

    if (ret < 0) {
        child->pid = 0;
        return ret;
    }
    child->failed = false;
    ret = begin_life(child, control);
    if (ret < 0) {
        return err_set(err, ret, "cannot watch its channel: %s", err_string(ret));
    }
    if ((ret = send_boot(child, err)) < 0) {
        return ret;
    }
    if (child->role == IPC_ROLE_ISSUER) {
        child->state = IPC_PROCESS_STARTING;
        child->since = clock_wall_s(&clock_system);
        tell_all(child->sup);
    } else {
        set_state(child, IPC_PROCESS_STARTING);
    }
    return 0;
}

static void list_unready(const struct supervisor *sup, char *dst, size_t cap)
{
    size_t len = 0;

    dst[0] = '\0';
    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES && len < cap; role++) {
        if (sup->children[role].state != IPC_PROCESS_RUNNING) {
            len += (size_t)snprintf(dst + len, cap - len, "%s%s", len > 0 ? ", " : "",
                                    ipc_role_name(role));
        }
    }
}

static void on_start_late(uv_timer_t *timer)
{
    struct child *child = timer->data;
    struct supervisor *sup = child->sup;
    char what[64], names[64];

    if (child->life != NULL) {
        read_messages(child, MESSAGES_A_WAKEUP); /* it may wait there, where we were the slow one */
    }
    if (child->state != IPC_PROCESS_STARTING) {
        return;
    }
    snprintf(what, sizeof(what), "not ready within %g s", (double)sup->limits.start_ms / 1000);
    list_unready(sup, names, sizeof(names));
    if (sup->stopping || fail_start(sup, what, names, 1)) {
        return;
    }
    if (child->role == IPC_ROLE_ISSUER &&
        sup->children[IPC_ROLE_DNSD].state != IPC_PROCESS_RUNNING) {
        /* it is ready once dnsd answers from its image: not its fault */
        uv_timer_start(timer, on_start_late, sup->limits.start_ms, 0);
        return;
    }
    children_kill(child, what);
}

void children_start(struct child *child)
{
    struct err err = {0};

    child->started_ms = clock_mono_ms(&clock_system);
    if (start(child, &err) == 0) {
        uv_timer_start(&child->timer, on_start_late, child->sup->limits.start_ms, 0);
        return;
    }
    if (!fail_start(child->sup, name_of(child), err.text, 2)) {
        log_error(child->sup->log, NULL, "cannot start %s: %s", name_of(child), err.text);
    }
    if (child->pid > 0) {
        kill(child->pid, SIGKILL); /* SIGCHLD goes on from here */
    } else if (!child->sup->stopping) {
        schedule(child, 0);
    }
}

static void on_restart(uv_timer_t *timer)
{
    struct child *child = timer->data;

    if (child->pid == 0 && !child->sup->stopping) {
        children_start(child);
    }
}

static void schedule(struct child *child, uint64_t lived_ms)
{
    uint64_t delay = backoff_died(&child->backoff, lived_ms);

    if (delay > 0) {
        log_info(child->sup->log, NULL, "%s is started again in %llu ms", name_of(child),
                 (unsigned long long)delay);
    }
    child->restarts++;
    set_state(child, IPC_PROCESS_WAITING);
    /* also at once by way of the loop, so that failing starts cannot nest */
    uv_timer_start(&child->timer, on_restart, delay, 0);
}

static void died(struct child *child, int status)
{
    struct supervisor *sup = child->sup;
    uint64_t lived = clock_mono_ms(&clock_system) - child->started_ms;
    const pid_t pid = child->pid;
    char how[96];

    child->pid = 0; /* reaped: the number may be another process's by now */
    if (child->life != NULL) {
        read_messages(child, INT32_MAX); /* the reason, if it said one */
    }
    process_describe(status, how, sizeof(how));
    if (sup->stopping) {
        log_debug(sup->log, NULL, "%s (pid %d) %s", name_of(child), (int)pid, how);
    } else {
        log_error(sup->log, NULL, "%s (pid %d) %s", name_of(child), (int)pid, how);
    }
    end_life(child);
    peers_forget(child);
    if (child->role == IPC_ROLE_ISSUER) {
        reload_issuer_died(sup);
    }
    fail_start(sup, name_of(child), how, 2);
    if (sup->stopping) {
        child->state = IPC_PROCESS_STOPPED;
        stop_went(sup);
    } else {
        schedule(child, child->failed ? 0 : lived);
    }
}

void children_reap(struct supervisor *sup)
{
    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        struct child *child = &sup->children[role];
        int status;

        if (child->pid > 0 && waitpid(child->pid, &status, WNOHANG) == child->pid) {
            died(child, status);
        }
    }
}

bool children_any(const struct supervisor *sup)
{
    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        if (sup->children[role].pid > 0) {
            return true;
        }
    }
    return false;
}

void children_init(struct supervisor *sup)
{
    for (enum ipc_role role = 0; role < IPC_ROLES; role++) {
        struct child *child = &sup->children[role];

        *child = (struct child){.sup = sup, .role = role, .state = IPC_PROCESS_STOPPED};
        for (enum ipc_role peer = 0; peer < IPC_ROLES; peer++) {
            child->waiting[peer] = -1;
        }
        uv_timer_init(&sup->loop, &child->timer);
        child->timer.data = child;
    }
    struct child *self = &sup->children[IPC_ROLE_SUPERVISOR];
    self->pid = getpid();
    self->state = IPC_PROCESS_RUNNING;
    self->since = clock_wall_s(&clock_system);
}

void children_close(struct supervisor *sup)
{
    for (enum ipc_role role = 0; role < IPC_ROLES; role++) {
        struct child *child = &sup->children[role];

        end_life(child);
        peers_forget(child);
        uv_close((uv_handle_t *)&child->timer, NULL);
    }
}

/*
 * What the supervisor says to the issuer, and back (common/ipc.h).
 */
#include "issuer/issuer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/msg.h"

#define BATCH 16 /* messages a wake-up */

static int send_message(const struct issuer *issuer, const struct msg_writer *w)
{
    int ret = msg_end(w);

    return ret < 0 ? ret : msg_send(issuer->channel, w, NULL, 0);
}

int issuer_control_reload(void *arg)
{
    struct issuer *issuer = arg;
    struct msg_writer w;
    uint8_t buf[8];

    msg_begin(&w, buf, sizeof buf, IPC_RELOAD_REQUEST);
    return send_message(issuer, &w);
}

void issuer_control_broken(const struct issuer *issuer, enum ipc_role role)
{
    struct msg_writer w;
    uint8_t buf[8];

    msg_begin(&w, buf, sizeof buf, IPC_PEER_BROKEN);
    msg_put_u8(&w, (uint8_t)role);
    (void)send_message(issuer, &w);
}

int issuer_control_notify(void *arg, enum ipc_notify how, const char *text, size_t len)
{
    struct issuer *issuer = arg;
    struct msg_writer w;
    uint8_t *buf = malloc(LIMIT_MESSAGE);
    int ret = -ENOMEM;

    if (buf != NULL && len <= LIMIT_NOTIFY) {
        msg_begin(&w, buf, LIMIT_MESSAGE, IPC_NOTIFY);
        msg_put_u8(&w, (uint8_t)how);
        msg_put_bytes(&w, text, len);
        ret = send_message(issuer, &w);
    } else if (buf != NULL) {
        ret = ERR_LIMIT;
    }
    free(buf);
    return ret;
}

/* -- reload: everything is judged before anything is taken over -- */

static int take_over(struct issuer *issuer, const struct boot *fresh, struct err *err)
{
    struct trusts trusts;
    int ret = trusts_read(&trusts, fresh, err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = publisher_configure(issuer->publisher, fresh, err)) < 0) {
        trusts_clear(&trusts);
        return ret;
    }
    trusts_clear(&issuer->trusts);
    issuer->trusts = trusts;
    return 0;
}

static void use(struct issuer *issuer, struct boot *fresh)
{
    struct boot old = issuer->boot;
    enum log_level level;

    issuer->boot = *fresh;
    desk_configure(issuer->desk, &issuer->boot.conf);
    preflight_configure(issuer->preflight, &issuer->boot.conf);
    intake_configure(issuer->intake, &issuer->boot.conf);
    aftercare_configure(issuer->aftercare, &issuer->boot.conf);
    submit_configure(issuer->submit, &issuer->boot.conf);
    control_configure(issuer->control, &issuer->boot.conf);
    issuer_audit_configure(issuer);
    notifier_configure(issuer->notifier, &issuer->boot.conf);
    expiry_configure(issuer->expiry, &issuer->boot.conf);
    issuer_store_retry(issuer);
    if (log_level_parse(issuer->boot.conf.log_level, &level) == 0) {
        log_set_level(issuer->log, level);
    }
    boot_clear(&old);
}

static void reload(struct issuer *issuer, struct msg_reader *r, const int *fds, size_t nfds)
{
    uint8_t buf[LIMIT_ERROR_TEXT + 64];
    struct err err = {0};
    struct boot fresh;
    struct msg_writer w;
    int ret = boot_decode(&fresh, r, fds, nfds, &err);

    if (ret == 0 && (ret = take_over(issuer, &fresh, &err)) < 0) {
        boot_clear(&fresh);
    }
    if (ret == 0) {
        use(issuer, &fresh);
    }
    if (ret == 0) {
        log_info(issuer->log, NULL, "configuration and zones reloaded");
        issuer_audit_say(issuer, "reloaded", "configuration and zones taken over");
    } else {
        log_error(issuer->log, NULL, "not reloaded, the old configuration stays: %s", err.text);
    }
    msg_begin(&w, buf, sizeof buf, IPC_RELOADED);
    msg_put_u8(&w, ret == 0);
    msg_put_str(&w, err.text);
    if ((ret = send_message(issuer, &w)) < 0) {
        log_error(issuer->log, NULL, "the supervisor cannot be told of the reload: %s",
                  err_string(ret));
    }
}

static bool reload_done(struct issuer *issuer, struct msg_reader *r)
{
    char text[LIMIT_ERROR_TEXT];
    bool ok = msg_get_u8(r) != 0;

    msg_get_str(r, text, sizeof text);
    if (msg_done(r) < 0) {
        return false;
    }
    control_reloaded(issuer->control, ok, text);
    return true;
}

/* -- the other messages -- */

int issuer_control_peer(struct issuer *issuer, enum ipc_role role, int fd)
{
    if (role == IPC_ROLE_DNSD) {
        return publisher_attach(issuer->publisher, fd);
    }
    if (role == IPC_ROLE_SIGNER) {
        return signclient_attach(issuer->signclient, fd);
    }
    (void)close(fd);
    return ERR_PROTOCOL;
}

static bool peer(struct issuer *issuer, struct msg_reader *r, const int *fds, size_t nfds)
{
    uint8_t role = msg_get_u8(r);
    int ret;

    if (msg_done(r) < 0 || nfds != 1 || role >= IPC_ROLES) {
        for (size_t i = 0; i < nfds; i++) {
            (void)close(fds[i]);
        }
        return false;
    }
    if ((ret = issuer_control_peer(issuer, (enum ipc_role)role, fds[0])) < 0) {
        log_error(issuer->log, NULL, "the channel to %s cannot be used: %s",
                  ipc_role_name((enum ipc_role)role), err_string(ret));
    }
    return true;
}

static bool process(struct issuer *issuer, struct msg_reader *r)
{
    uint8_t role = msg_get_u8(r), state = msg_get_u8(r);
    struct control_process process = {.known = true, .state = (enum ipc_process_state)state};

    process.pid = msg_get_u32(r);
    process.restarts = msg_get_u32(r);
    process.since = (int64_t)msg_get_u64(r);
    if (msg_done(r) < 0 || role >= IPC_ROLES || state > IPC_PROCESS_STOPPED) {
        return false;
    }
    issuer->processes[role] = process;
    return true;
}

static bool dispatch(struct issuer *issuer, size_t len, const int *fds, size_t nfds)
{
    struct msg_reader r;
    int ret = msg_open(&r, issuer->buf, len);

    if (ret == 0 && r.type == IPC_RELOAD) {
        reload(issuer, &r, fds, nfds);
        return true;
    }
    if (ret == 0 && r.type == IPC_PEER) {
        return peer(issuer, &r, fds, nfds);
    }
    for (size_t i = 0; i < nfds; i++) {
        (void)close(fds[i]);
    }
    if (ret < 0 || nfds > 0) {
        return false;
    }
    switch (r.type) {
    case IPC_PROCESS:
        return process(issuer, &r);
    case IPC_RELOAD_DONE:
        return reload_done(issuer, &r);
    case IPC_STOP:
        issuer_stop(issuer);
        return msg_done(&r) == 0;
    default:
        return false;
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct issuer *issuer = poll->data;

    (void)events;
    for (int i = 0; i < BATCH && !issuer->stopping; i++) {
        int fds[LIMIT_MESSAGE_FDS], len;
        size_t nfds = LIMIT_MESSAGE_FDS;

        len = msg_recv(issuer->channel, issuer->buf, sizeof issuer->buf, fds, &nfds);
        if (len == -EAGAIN && status == 0) {
            return;
        }
        if (len > 0 && dispatch(issuer, (size_t)len, fds, nfds)) {
            continue;
        }
        if (issuer->stopping) {
            return;
        }
        if (len != 0 && len != -EAGAIN && len != -ECONNRESET) {
            log_error(issuer->log, NULL, "the supervisor's channel is broken: %s",
                      err_string(len < 0 ? len : ERR_PROTOCOL));
            issuer->status = 1;
        }
        issuer_stop(issuer);
    }
}

static void on_term(uv_signal_t *signal, int number)
{
    (void)number;
    issuer_stop(signal->data);
}

int issuer_control_start(struct issuer *issuer, struct err *err)
{
    int flags = fcntl(issuer->channel, F_GETFL), ret;

    if (flags < 0 || fcntl(issuer->channel, F_SETFL, flags | O_NONBLOCK) < 0) {
        return err_set(err, -errno, "the supervisor's channel cannot be used: %s",
                       err_string(-errno));
    }
    (void)uv_timer_init(&issuer->loop, &issuer->last);
    (void)uv_signal_init(&issuer->loop, &issuer->term);
    if ((ret = uv_poll_init(&issuer->loop, &issuer->poll, issuer->channel)) < 0) {
        uv_close((uv_handle_t *)&issuer->last, NULL);
        uv_close((uv_handle_t *)&issuer->term, NULL);
        return err_set(err, ret, "the supervisor's channel cannot be used: %s", uv_strerror(ret));
    }
    issuer->polling = true;
    issuer->poll.data = issuer->term.data = issuer->last.data = issuer;
    if ((ret = uv_poll_start(&issuer->poll, UV_READABLE, on_poll)) < 0 ||
        (ret = uv_signal_start(&issuer->term, on_term, SIGTERM)) < 0) {
        return err_set(err, ret, "the supervisor's channel cannot be used: %s", uv_strerror(ret));
    }
    return 0;
}

#include "issuer/issuer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/priority.h"
#include "common/role.h"
#include "common/sandbox.h"
#include "common/self.h"
#include "issuer/ledger.h"

#define LAST_MS 500 /* for answers to be read, of LIMIT_STOP_MS */

/* -- start -- */

static int state_folder(char *dst, size_t cap, const char *name, const struct server_conf *conf,
                        struct err *err)
{
    int len = snprintf(dst, cap, "%s/%s", conf->state_dir, name);

    if (len < 0 || (size_t)len >= cap) {
        return err_set(err, ERR_LIMIT, "the path of state-dir is too long: %s", conf->state_dir);
    }
    return 0;
}

static int confine(struct issuer *issuer, const char *store, const char *audit, struct err *err)
{
    const struct server_conf *conf = &issuer->boot.conf;
    const struct sandbox_path paths[] = {
        {store, true},
        {audit, true},
        {"/etc", false},
        {"/usr", false},
        {"/lib", false},
        {"/lib64", false},
        {"/run/systemd/resolve", false},
    };
    bool active;
    int ret;

    if ((ret = sandbox_drop_user(conf->user, NULL, false, err)) < 0 ||
        (ret = sandbox_files(paths, sizeof paths / sizeof *paths, true, &active, err)) < 0 ||
        (ret = sandbox_calls(SANDBOX_ISSUER, err)) < 0) {
        return ret;
    }
    if (!active) {
        log_debug(issuer->log, NULL, "this kernel has no Landlock");
    }
    return 0;
}

static int reserve(void *arg, uint64_t limit)
{
    struct issuer *issuer = arg;
    struct err err = {0};
    int ret = store_generation_reserve(issuer->store, limit, &err);

    if (ret < 0) {
        log_error(issuer->log, NULL, "%s", err.text);
    }
    return ret;
}

static void on_seen(void *arg, const struct publisher_seen *seen)
{
    struct issuer *issuer = arg;

    if (issuer->desk != NULL) {
        desk_seen(issuer->desk, seen);
    }
}

static void on_dnsd_broken(void *arg)
{
    issuer_control_broken(arg, IPC_ROLE_DNSD);
}

static void on_signer_broken(void *arg)
{
    issuer_control_broken(arg, IPC_ROLE_SIGNER);
}

static int make_preflight(struct issuer *issuer, struct err *err)
{
    const struct preflight_options options = {.loop = &issuer->loop,
                                              .log = issuer->log,
                                              .clock = &clock_system,
                                              .publisher = issuer->publisher,
                                              .conf = &issuer->boot.conf};
    int ret = preflight_new(&issuer->preflight, &options);

    return ret < 0 ? err_set(err, ret, "the issuer cannot be set up: %s", err_string(ret)) : 0;
}

static int make_intake(struct issuer *issuer, struct err *err)
{
    const struct intake_options options = {.loop = &issuer->loop,
                                           .log = issuer->log,
                                           .clock = &clock_system,
                                           .store = issuer->store,
                                           .desk = issuer->desk,
                                           .ledger = issuer->ledger,
                                           .preflight = issuer->preflight,
                                           .audit = issuer->audit,
                                           .renewal = aftercare_renewal(issuer->aftercare),
                                           .conf = &issuer->boot.conf};
    int ret = intake_new(&issuer->intake, &options);

    return ret < 0 ? err_set(err, ret, "the issuer cannot be set up: %s", err_string(ret)) : 0;
}

static int make_parts(struct issuer *issuer, uint64_t generation, struct err *err)
{
    struct publisher_options publisher = {.loop = &issuer->loop,
                                          .log = issuer->log,
                                          .clock = &clock_system,
                                          .first_generation = generation,
                                          .reserve = reserve,
                                          .on_seen = on_seen,
                                          .on_broken = on_dnsd_broken,
                                          .arg = issuer};
    struct desk_options desk = {.loop = &issuer->loop,
                                .log = issuer->log,
                                .clock = &clock_system,
                                .store = issuer->store,
                                .trusts = &issuer->trusts,
                                .audit = issuer->audit,
                                .conf = &issuer->boot.conf};
    int ret;

    if ((ret = publisher_new(&issuer->publisher, &publisher)) < 0 ||
        (ret = signclient_new(&issuer->signclient, &issuer->loop, issuer->log)) < 0) {
        return err_set(err, ret, "the issuer cannot be set up: %s", err_string(ret));
    }
    signclient_on_broken(issuer->signclient, on_signer_broken, issuer);
    if ((ret = publisher_configure(issuer->publisher, &issuer->boot, err)) < 0) {
        return ret;
    }
    if ((ret = ledger_new(&issuer->ledger, issuer->store, &clock_system, issuer->log, err)) < 0) {
        return ret;
    }
    desk.ledger = issuer->ledger;
    desk.publisher = issuer->publisher;
    desk.signclient = issuer->signclient;
    if ((ret = desk_new(&issuer->desk, &desk)) < 0) {
        return err_set(err, ret, "the issuer cannot be set up: %s", err_string(ret));
    }
    if ((ret = make_preflight(issuer, err)) < 0) {
        return ret;
    }
    return 0;
}

static int make_aftercare(struct issuer *issuer, struct err *err)
{
    const struct aftercare_options options = {.loop = &issuer->loop,
                                              .log = issuer->log,
                                              .clock = &clock_system,
                                              .store = issuer->store,
                                              .desk = issuer->desk,
                                              .audit = issuer->audit,
                                              .conf = &issuer->boot.conf};

    return aftercare_new(&issuer->aftercare, &options, err);
}

static int listen_submit(struct issuer *issuer, int fd)
{
    struct submit_options options = {.loop = &issuer->loop,
                                     .log = issuer->log,
                                     .clock = &clock_system,
                                     .desk = issuer->desk,
                                     .intake = issuer->intake,
                                     .preflight = issuer->preflight,
                                     .store = issuer->store,
                                     .aftercare = issuer->aftercare,
                                     .conf = &issuer->boot.conf,
                                     .fd = fd};

    return submit_new(&issuer->submit, &options);
}

static int listen_control(struct issuer *issuer, int fd)
{
    struct control_options options = {.loop = &issuer->loop,
                                      .log = issuer->log,
                                      .clock = &clock_system,
                                      .store = issuer->store,
                                      .desk = issuer->desk,
                                      .backup = issuer->backup,
                                      .ledger = issuer->ledger,
                                      .preflight = issuer->preflight,
                                      .aftercare = issuer->aftercare,
                                      .publisher = issuer->publisher,
                                      .conf = &issuer->boot.conf,
                                      .processes = issuer->processes,
                                      .started = clock_wall_s(&clock_system),
                                      .reload = issuer_control_reload,
                                      .arg = issuer,
                                      .fd = fd};

    return control_new(&issuer->control, &options);
}

static int use_socket(struct issuer *issuer, struct boot_socket *socket)
{
    int fd = socket->fd;

    socket->fd = -1;
    if (socket->kind == IPC_SOCKET_SUBMIT && issuer->submit == NULL) {
        return listen_submit(issuer, fd);
    }
    if (socket->kind == IPC_SOCKET_CONTROL && issuer->control == NULL) {
        return listen_control(issuer, fd);
    }
    if (socket->kind == IPC_SOCKET_PEER) {
        return issuer_control_peer(issuer, socket->role, fd);
    }
    (void)close(fd);
    return ERR_PROTOCOL;
}

static int use_sockets(struct issuer *issuer, struct err *err)
{
    for (size_t i = 0; i < issuer->boot.socket_count; i++) {
        struct boot_socket *socket = &issuer->boot.sockets[i];
        int ret = use_socket(issuer, socket);

        if (ret < 0) {
            return err_set(err, ret, "the socket %s cannot be used: %s", socket->address,
                           err_string(ret));
        }
    }
    if (issuer->submit == NULL || issuer->control == NULL) {
        return err_set(err, ERR_PROTOCOL, "the supervisor handed over no submit or control socket");
    }
    return 0;
}

/* Ready means answered for: whoever heard it may ask at once. */
static void on_answering(void *arg, uint64_t generation)
{
    struct issuer *issuer = arg;
    int ret = boot_ready(issuer->channel);

    (void)generation;
    if (ret < 0) {
        log_error(issuer->log, NULL, "the supervisor does not listen: %s", err_string(ret));
    }
}

/* Where the store does not give them, everything else goes on. */
static void resume(struct issuer *issuer)
{
    struct err err = {0};

    if (store_lost(issuer->store) == NULL && desk_resume(issuer->desk, &err) < 0) {
        log_critical(issuer->log, NULL, "open orders are not resumed: %s", err.text);
    }
}

static int start(struct issuer *issuer, struct err *err)
{
    const struct server_conf *conf = &issuer->boot.conf;
    char folder[LIMIT_PATH], audit[LIMIT_PATH];
    uint64_t generation;
    int ret;

    priority_raise();
    if ((ret = state_folder(folder, sizeof folder, "store", conf, err)) < 0 ||
        (ret = state_folder(audit, sizeof audit, "audit", conf, err)) < 0 ||
        (ret = trusts_read(&issuer->trusts, &issuer->boot, err)) < 0 ||
        (ret = confine(issuer, folder, audit, err)) < 0 ||
        (ret = issuer_store_open(issuer, &generation, err)) < 0) {
        return ret;
    }
    issuer_audit_open(issuer, audit);
    if ((ret = make_parts(issuer, generation, err)) < 0 ||
        (ret = make_aftercare(issuer, err)) < 0 || (ret = make_intake(issuer, err)) < 0 ||
        (ret = use_sockets(issuer, err)) < 0 || (ret = issuer_control_start(issuer, err)) < 0) {
        return ret;
    }
    resume(issuer);
    issuer_store_watch(issuer);
    issuer_audit_say(issuer, "started", CERTMILL_VERSION);
    if (conf->skip_acme_server_cert_verify) {
        log_warning(issuer->log, NULL,
                    "skip-acme-server-cert-verify is set: ANYBODY on the way can pose as the CA");
    }
    if (publisher_wait(issuer->publisher, on_answering, issuer) == 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

/* -- end -- */

static void on_last(uv_timer_t *timer)
{
    struct issuer *issuer = timer->data;

    uv_stop(&issuer->loop);
}

void issuer_stop(struct issuer *issuer)
{
    if (issuer->stopping) {
        return;
    }
    issuer->stopping = true;
    if (issuer->submit != NULL) {
        submit_stop(issuer->submit);
    }
    if (issuer->desk != NULL) {
        desk_stop(issuer->desk);
    }
    preflight_free(issuer->preflight);
    intake_free(issuer->intake);
    issuer_audit_stop(issuer);
    issuer_store_stop(issuer);
    aftercare_free(issuer->aftercare);
    desk_free(issuer->desk);
    submit_free(issuer->submit);
    backup_free(issuer->backup);
    control_free(issuer->control);
    publisher_free(issuer->publisher);
    signclient_free(issuer->signclient);
    trusts_clear(&issuer->trusts);
    if (issuer->polling) {
        uv_close((uv_handle_t *)&issuer->poll, NULL);
        uv_close((uv_handle_t *)&issuer->term, NULL);
        (void)uv_timer_start(&issuer->last, on_last, LAST_MS, 0);
        uv_unref((uv_handle_t *)&issuer->last);
    }
}

static void close_last(struct issuer *issuer)
{
    if (issuer->polling) {
        uv_close((uv_handle_t *)&issuer->last, NULL);
    }
    (void)uv_run(&issuer->loop, UV_RUN_NOWAIT);
    (void)uv_loop_close(&issuer->loop);
}

static int run(struct issuer *issuer, struct err *err)
{
    int ret = boot_receive(issuer->channel, &issuer->boot, err);

    if (ret < 0) {
        return ret;
    }
    if ((ret = boot_log(&issuer->log, &issuer->boot, "issuer", err)) < 0) {
        return ret;
    }
    if ((ret = uv_loop_init(&issuer->loop)) < 0) {
        return err_set(err, ret, "no event loop: %s", uv_strerror(ret));
    }
    if ((ret = start(issuer, err)) < 0) {
        issuer_stop(issuer);
    }
    (void)uv_run(&issuer->loop, UV_RUN_DEFAULT);
    close_last(issuer);
    return ret;
}

int issuer_main(int control)
{
    struct issuer *issuer = calloc(1, sizeof *issuer);
    struct err err = {0};
    int status = 1;

    if (issuer == NULL) {
        return status;
    }
    issuer->channel = control;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT,
                 SIG_IGN); /* the terminal's; the supervisor has it too, and says IPC_STOP */
    (void)signal(SIGHUP, SIG_IGN);
    self_one_heap(); /* the resolver's threads allocate little */
    if (run(issuer, &err) == 0) {
        status = issuer->status;
    } else {
        (void)boot_failed(control, &err);
    }
    audit_close(issuer->audit);
    ledger_free(issuer->ledger);
    store_close(issuer->store);
    log_free(issuer->log);
    boot_clear(&issuer->boot);
    free(issuer);
    return status;
}

/*
 * The audit log in the issuer's process. Lines are written where they come up; what makes them
 * survive a power loss, fdatasync(2), happens once a second on a thread of its own.
 */
#include <unistd.h>

#include "issuer/issuer.h"

#define SYNC_MS 1000

static void on_work(uv_work_t *work)
{
    const struct issuer *issuer = work->data;

    (void)fdatasync(issuer->audit_fd); /* a disk that fails shows at the next line */
}

static void on_worked(uv_work_t *work, int status)
{
    struct issuer *issuer = work->data;

    (void)status;
    (void)close(issuer->audit_fd);
    issuer->audit_fd = -1;
}

static void on_timer(uv_timer_t *timer)
{
    struct issuer *issuer = timer->data;

    if (issuer->audit_fd >= 0 || (issuer->audit_fd = audit_dup(issuer->audit)) < 0) {
        return;
    }
    if (uv_queue_work(&issuer->loop, &issuer->audit_work, on_work, on_worked) < 0) {
        on_worked(&issuer->audit_work, 0);
    }
}

/* Without it nobody is told, and that is all. */
static void observe(struct issuer *issuer)
{
    const struct notifier_options options = {.loop = &issuer->loop,
                                             .log = issuer->log,
                                             .clock = &clock_system,
                                             .conf = &issuer->boot.conf,
                                             .send = issuer_control_notify,
                                             .arg = issuer};

    const struct expiry_options expiry = {.loop = &issuer->loop,
                                          .log = issuer->log,
                                          .clock = &clock_system,
                                          .store = issuer->store,
                                          .audit = issuer->audit,
                                          .conf = &issuer->boot.conf};

    if (expiry_new(&issuer->expiry, &expiry) < 0) {
        log_error(issuer->log, NULL, "out of memory: ends of certificates are not watched");
    }
    if (issuer->audit != NULL && notifier_new(&issuer->notifier, &options) == 0) {
        audit_observe(issuer->audit, notifier_event, issuer->notifier);
    }
}

static void open_log(struct issuer *issuer, const char *folder)
{
    struct err err = {0};

    issuer->audit_fd = -1;
    if (audit_open(&issuer->audit, folder, &clock_system, issuer->log, &err) < 0) {
        log_error(issuer->log, NULL, "%s: nothing is written there until the next start", err.text);
        (void)audit_open_lost(&issuer->audit, folder, &clock_system, issuer->log);
        return;
    }
    issuer_audit_configure(issuer);
    issuer->audit_syncs = true;
    (void)uv_timer_init(&issuer->loop, &issuer->audit_timer);
    issuer->audit_timer.data = issuer->audit_work.data = issuer;
    (void)uv_timer_start(&issuer->audit_timer, on_timer, SYNC_MS, SYNC_MS);
    uv_unref((uv_handle_t *)&issuer->audit_timer);
}

void issuer_audit_open(struct issuer *issuer, const char *folder)
{
    open_log(issuer, folder);
    observe(issuer);
}

void issuer_audit_configure(struct issuer *issuer)
{
    const struct server_conf *conf = &issuer->boot.conf;

    if (issuer->audit != NULL) {
        audit_configure(issuer->audit, (uint64_t)conf->audit_size << 20,
                        (unsigned)conf->audit_files);
    }
}

void issuer_audit_say(struct issuer *issuer, const char *what, const char *outcome)
{
    audit_write(issuer->audit,
                &(struct audit_event){.what = what, .peer_uid = -1, .outcome = outcome});
}

void issuer_audit_stop(struct issuer *issuer)
{
    issuer_audit_say(issuer, "stopped", NULL);
    if (issuer->audit != NULL) {
        audit_observe(issuer->audit, NULL, NULL);
    }
    notifier_free(issuer->notifier);
    expiry_free(issuer->expiry);
    if (issuer->audit_syncs) {
        uv_close((uv_handle_t *)&issuer->audit_timer, NULL);
    }
}

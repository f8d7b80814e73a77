/*
 * A reload is all or nothing. The configuration and every file that it names are read anew;
 * whatever is wrong with the files themselves is found here. The issuer then judges the whole and,
 * if it is good, uses it; only after its word do the others get it, and only then does it become
 * what a restarted child starts with.
 *
 * An issuer that does not say its word in time has the reload refused. It may be slow, though,
 * and use the new configuration after all; so fresh and files are kept until it has spoken or
 * died. A late yes is a yes: all of us use the same configuration then. Until then further
 * reloads are refused at once, and so its next word can only be on this one.
 */
#include <stdio.h>
#include <time.h>

#include "supervisor/state.h"

static void drop_fresh(struct reload *reload)
{
    conf_clear(&server_conf_schema, &reload->fresh);
    files_clear(&reload->files);
}

static void tell_manager(const struct supervisor *sup, bool begin)
{
    struct timespec now = {0};

    if (!sup->was_ready) {
        return; /* it still waits for the first READY */
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (begin) {
        notify_send(&sup->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
                    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    } else {
        notify_send(&sup->notify, "READY=1\nSTATUS=zones: %zu", sup->conf.zones.count);
    }
}

/* The outcome, for the log and for the operator who asked. */
static void finish(struct supervisor *sup, bool good, const char *text)
{
    uint8_t buf[LIMIT_ERROR_TEXT + 128];
    char sentence[LIMIT_ERROR_TEXT + 64];
    struct msg_writer w;

    if (good) {
        snprintf(sentence, sizeof(sentence), "configuration %u is in use", sup->generation);
        log_info(sup->log, NULL, "reload: %s", sentence);
    } else {
        snprintf(sentence, sizeof(sentence), "%s; the old configuration stays", text);
        log_error(sup->log, NULL, "reload refused: %s", sentence);
    }
    if (sup->reload.requested) {
        msg_begin(&w, buf, sizeof(buf), IPC_RELOAD_DONE);
        msg_put_u8(&w, good);
        msg_put_str(&w, sentence);
        children_tell(&sup->children[IPC_ROLE_ISSUER], &w);
    }
    sup->reload.requested = false;
    tell_manager(sup, false);
    if (sup->reload.again && !sup->stopping) {
        bool requested = sup->reload.requested_again;

        sup->reload.again = sup->reload.requested_again = false;
        reload_start(sup, requested);
    }
}

/* The issuer owes nothing any more. */
static void settle(struct supervisor *sup)
{
    uv_timer_stop(&sup->reload_timer);
    sup->reload.pending = sup->reload.late = false;
}

static void on_late(uv_timer_t *timer)
{
    struct supervisor *sup = timer->data;
    char text[128];

    sup->reload.late = true;
    snprintf(text, sizeof(text),
             "the issuer did not judge it within %g s (if it does later, the log will say so)",
             (double)sup->limits.reload_ms / 1000);
    finish(sup, false, text);
}

static int read_fresh(struct supervisor *sup, struct err *err)
{
    struct reload *reload = &sup->reload;
    int ret = settings_load(sup->source, &reload->fresh, err);

    if (ret < 0) {
        return ret;
    }
    if (settings_keep_fixed(&reload->fresh, &sup->conf, sup->log) < 0) {
        ret = err_set(err, -1, "out of memory");
    } else {
        ret = files_read(&reload->files, &reload->fresh, err);
    }
    if (ret < 0) {
        conf_clear(&server_conf_schema, &reload->fresh);
    }
    return ret;
}

/* A configuration, with those of its files that are for this child. */
static int tell(struct supervisor *sup, const struct child *child, struct boot boot,
                const struct files *files, struct err *err)
{
    struct files copy;
    int ret = files_reopen(&copy, files, child->role, err);

    if (ret < 0) {
        return ret;
    }
    boot.conf = settings_for(child->role, &boot.conf);
    boot.conf.dns_threads = (int64_t)sup->workers;
    boot.files = copy.items;
    boot.file_count = copy.count;
    ret = boot_send(child->life->control, IPC_RELOAD, &boot, err);
    files_clear(&copy);
    return ret;
}

static int tell_issuer(struct supervisor *sup, struct err *err)
{
    const struct boot boot = {
        .generation = (uint16_t)(sup->generation + 1),
        .conf = sup->reload.fresh,
    };

    return tell(sup, &sup->children[IPC_ROLE_ISSUER], boot, &sup->reload.files, err);
}

void reload_start(struct supervisor *sup, bool requested)
{
    struct reload *reload = &sup->reload;
    struct err err = {0};

    if (sup->stopping) {
        return;
    }
    if (reload->pending && !reload->late) {
        reload->again = true;
        reload->requested_again |= requested;
        return;
    }
    reload->requested = requested;
    log_info(sup->log, NULL, "reload: reading the configuration and its files");
    tell_manager(sup, true);
    const struct child *issuer = &sup->children[IPC_ROLE_ISSUER];
    if (issuer->life == NULL || issuer->state != IPC_PROCESS_RUNNING) {
        finish(sup, false, "the issuer, which has to judge it, is not running at the moment");
        return;
    }
    if (reload->pending) {
        finish(sup, false, "the issuer is still judging the one before");
        return;
    }
    if (read_fresh(sup, &err) < 0) {
        finish(sup, false, err.text);
        return;
    }
    if (tell_issuer(sup, &err) < 0) {
        drop_fresh(reload);
        finish(sup, false, err.text);
        return;
    }
    reload->pending = true;
    uv_timer_start(&sup->reload_timer, on_late, sup->limits.reload_ms, 0);
}

static void tell_others(struct supervisor *sup)
{
    const struct boot boot = {.generation = sup->generation, .conf = sup->conf};
    struct err err;

    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        struct child *child = &sup->children[role];

        if (role != IPC_ROLE_ISSUER && child->life != NULL &&
            tell(sup, child, boot, &sup->files, &err) < 0) {
            children_kill(child, err.text); /* it starts again, with this configuration */
        }
    }
}

void reload_judged(struct supervisor *sup, bool good, const char *reason)
{
    struct reload *reload = &sup->reload;
    enum log_level level;

    if (!reload->pending) {
        return;
    }
    settle(sup);
    if (!good) {
        drop_fresh(reload);
        finish(sup, false, reason);
        return;
    }
    conf_clear(&server_conf_schema, &sup->conf);
    files_clear(&sup->files);
    sup->conf = reload->fresh;
    sup->files = reload->files;
    sup->generation++;
    reload->fresh = (struct server_conf){0};
    reload->files.count = 0;
    if (log_level_parse(sup->conf.log_level, &level) == 0) {
        log_set_level(sup->log, level);
    }
    tell_others(sup);
    finish(sup, true, "");
}

void reload_issuer_died(struct supervisor *sup)
{
    if (sup->reload.pending) {
        settle(sup);
        drop_fresh(&sup->reload);
        sup->reload.requested = false; /* who asked is gone with it */
        finish(sup, false, "the issuer died while it judged the new configuration");
    }
}

void reload_clear(struct supervisor *sup)
{
    if (sup->reload.pending) {
        drop_fresh(&sup->reload);
    }
    sup->reload = (struct reload){0};
}

/*
 * The end: the issuer first, so that it can still use the others to end its orders with a
 * word to each client; then the rest; then, when time is up, by force.
 */
#include <signal.h>

#include "supervisor/state.h"

/* The issuer's part of LIMIT_STOP_MS; what is left is for the others. */
#define ISSUER_MS (LIMIT_STOP_MS * 2 / 3)

static void tell_stop(struct child *child)
{
    uint8_t buf[16];
    struct msg_writer w;

    msg_begin(&w, buf, sizeof(buf), IPC_STOP);
    children_tell(child, &w);
}

static void kill_all(struct supervisor *sup, const char *why)
{
    for (enum ipc_role role = IPC_ROLE_DNSD; role < IPC_ROLES; role++) {
        children_kill(&sup->children[role], why);
    }
}

static void on_kill(uv_timer_t *timer)
{
    kill_all(timer->data, "it did not stop in time");
}

static void tell_others(struct supervisor *sup)
{
    if (sup->others_told) {
        return;
    }
    sup->others_told = true;
    tell_stop(&sup->children[IPC_ROLE_DNSD]);
    tell_stop(&sup->children[IPC_ROLE_SIGNER]);
    uv_timer_start(&sup->stop_timer, on_kill, LIMIT_STOP_MS - ISSUER_MS, 0);
}

static void on_issuer_late(uv_timer_t *timer)
{
    tell_others(timer->data);
}

void stop_start(struct supervisor *sup, int status)
{
    if (sup->stopping) {
        kill_all(sup, "certmilld was told to stop a second time");
        return;
    }
    sup->stopping = true;
    sup->status = status;
    log_info(sup->log, NULL, "stopping");
    notify_send(&sup->notify, "STOPPING=1");
    if (sup->children[IPC_ROLE_ISSUER].pid > 0) {
        tell_stop(&sup->children[IPC_ROLE_ISSUER]);
        uv_timer_start(&sup->stop_timer, on_issuer_late, ISSUER_MS, 0);
    }
    stop_went(sup);
}

void stop_went(struct supervisor *sup)
{
    if (!children_any(sup)) {
        uv_stop(&sup->loop);
    } else if (sup->children[IPC_ROLE_ISSUER].pid == 0) {
        tell_others(sup);
    }
}

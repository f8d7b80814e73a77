/*
 * The issuer's process: what it holds, shared by the files that start it (issuer.c), talk with the
 * supervisor (issuer_control.c) and end it.
 */
#ifndef CERTMILL_ISSUER_ISSUER_H
#define CERTMILL_ISSUER_ISSUER_H

#include <stdbool.h>
#include <uv.h>

#include "common/boot.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/log.h"
#include "issuer/aftercare.h"
#include "issuer/audit.h"
#include "issuer/backup.h"
#include "issuer/control.h"
#include "issuer/desk.h"
#include "issuer/expiry.h"
#include "issuer/intake.h"
#include "issuer/notifier.h"
#include "issuer/preflight.h"
#include "issuer/publisher.h"
#include "issuer/signclient.h"
#include "issuer/store.h"
#include "issuer/submit.h"
#include "issuer/trusts.h"

struct issuer {
    uv_loop_t loop;
    int channel; /* to the supervisor */
    uv_poll_t poll;
    uv_signal_t term;
    uv_timer_t last; /* the loop ends by then, whatever still hangs on it */
    bool polling, stopping;
    int status; /* of the process */
    struct boot boot;
    struct log *log;
    struct store *store;
    struct ledger *ledger;
    struct backup *backup;
    uv_timer_t store_timer; /* while it is lost */
    bool store_watched;
    struct audit *audit; /* NULL: out of memory */
    uv_timer_t audit_timer;
    bool audit_syncs;
    struct notifier *notifier;
    struct expiry *expiry;
    uv_work_t audit_work;
    int audit_fd; /* being synced, or -1 */
    struct trusts trusts;
    struct signclient *signclient;
    struct publisher *publisher;
    struct preflight *preflight;
    struct desk *desk;
    struct intake *intake;
    struct aftercare *aftercare;
    struct submit *submit;
    struct control *control;
    struct control_process processes[IPC_ROLES];
    uint8_t buf[LIMIT_MESSAGE];
};

/* Listens to the supervisor and to SIGTERM. */
int issuer_control_start(struct issuer *issuer, struct err *err);
/* Asks the supervisor for a reload; arg is the issuer. */
int issuer_control_reload(void *arg);
/* Has the supervisor begin anew with a peer that broke the protocol. */
void issuer_control_broken(const struct issuer *issuer, enum ipc_role role);
/* Hands a notification to the supervisor; arg is the issuer. */
int issuer_control_notify(void *arg, enum ipc_notify how, const char *text, size_t len);
/* A channel to a peer; fd is taken over. */
int issuer_control_peer(struct issuer *issuer, enum ipc_role role, int fd);

/* issuer_store.c: opens the store, or stands in for it with the reason. */
int issuer_store_open(struct issuer *issuer, uint64_t *generation, struct err *err);
/* Where it is lost: looks for it from time to time; retry does so soon. */
void issuer_store_watch(struct issuer *issuer);
void issuer_store_retry(struct issuer *issuer);
void issuer_store_stop(struct issuer *issuer);

/* issuer_audit.c: the audit log. One that cannot be written costs the log its lines, nothing else.
 */
void issuer_audit_open(struct issuer *issuer, const char *folder);
void issuer_audit_configure(struct issuer *issuer);
/* A line about the server itself. */
void issuer_audit_say(struct issuer *issuer, const char *what, const char *outcome);
/* Its last line; the file is closed by audit_close once the loop has ended. */
void issuer_audit_stop(struct issuer *issuer);

/* Answers all clients, closes everything; the loop ends by itself soon after. */
void issuer_stop(struct issuer *issuer);

#endif

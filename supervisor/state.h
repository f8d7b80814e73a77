/*
 * The supervisor's state and what its files do to it. One loop, one thread:
 *
 *   supervisor.c  start-up and the loop
 *   children.c    start, messages, death, restart
 *   peers.c       channels between the children
 *   reload.c      SIGHUP and certmillctl reload
 *   helpers.c     the programs that notify
 *   stop.c        the end
 */
#ifndef CERTMILL_SUPERVISOR_STATE_H
#define CERTMILL_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/boot.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/server_conf.h"
#include "supervisor/backoff.h"
#include "supervisor/files.h"
#include "supervisor/helpers.h"
#include "supervisor/listen.h"
#include "supervisor/notify.h"
#include "supervisor/settings.h"
#include "supervisor/supervisor.h"

struct supervisor;

/* One life of a child, so that an old one's closing handle and a new one's can overlap. */
struct life {
    uv_poll_t poll;
    struct child *child; /* NULL once it is over */
    int control;
};

struct child {
    struct supervisor *sup;
    enum ipc_role role;
    enum ipc_process_state state;
    pid_t pid; /* 0: not running */
    struct life *life;
    uint64_t started_ms; /* monotonic */
    int64_t since;       /* Unix seconds of the last change of state */
    uint32_t restarts;
    bool failed; /* said IPC_FAILED in this life */
    struct backoff backoff;
    uv_timer_t timer;       /* until its restart, or for its start */
    int waiting[IPC_ROLES]; /* ends of channels to living peers, for its next start; or -1 */
};

struct reload {
    bool pending;   /* the issuer owes its word on fresh and files */
    bool late;      /* it took too long: refused meanwhile, but a yes still counts */
    bool again;     /* SIGHUP came meanwhile */
    bool requested; /* the issuer wants to hear the outcome */
    bool requested_again;
    struct server_conf fresh;
    struct files files;
};

struct supervisor {
    const struct settings_source *source;
    struct supervisor_limits limits;
    struct server_conf conf;
    uint16_t generation; /* of conf */
    size_t workers;
    struct files files;
    struct log *log;
    int lock;
    struct listen_set sockets;
    size_t inherited; /* so many of them, the first, are the service manager's */
    struct notify notify;
    uv_loop_t loop;
    bool loop_made;
    uv_signal_t sigchld, sigterm, sigint, sighup;
    uv_timer_t stop_timer, reload_timer, watchdog;
    struct child children[IPC_ROLES]; /* [IPC_ROLE_SUPERVISOR] stands for ourselves */
    bool was_ready;                   /* all three, once */
    bool stopping, others_told;
    int status; /* of our exit */
    struct reload reload;
    struct helpers helpers;
    uint8_t buf[LIMIT_MESSAGE];
};

/* children.c */
void children_init(struct supervisor *sup);
/* Starts it; a failure is as a death at once. */
void children_start(struct child *child);
void children_reap(struct supervisor *sup);
bool children_any(const struct supervisor *sup);
/* A message without descriptors that the child can do without: lost where it is stuck. */
void children_tell(struct child *child, const struct msg_writer *w);
void children_kill(struct child *child, const char *why);
/* The loop must be closed after children_close. */
void children_close(struct supervisor *sup);

/* peers.c */
/* This child's ends of the channels to its peers, at most IPC_ROLES. The others get theirs
 * now, or keep them waiting for their own start. Returns how many, or -errno. */
int peers_connect(struct child *child, struct boot_socket *ends);
void peers_forget(struct child *child);

/* reload.c */
void reload_start(struct supervisor *sup, bool requested);
void reload_judged(struct supervisor *sup, bool good, const char *reason);
void reload_issuer_died(struct supervisor *sup);
void reload_clear(struct supervisor *sup);

/* stop.c */
void stop_start(struct supervisor *sup, int status);
/* A child has ended meanwhile. */
void stop_went(struct supervisor *sup);

#endif

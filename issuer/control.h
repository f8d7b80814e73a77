/*
 * control.sock: what certmillctl asks for (docs/protocol.md).
 */
#ifndef CERTMILL_ISSUER_CONTROL_H
#define CERTMILL_ISSUER_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include <jansson.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/server_conf.h"
#include "issuer/preflight.h"
#include "issuer/publisher.h"
#include "issuer/store.h"

struct backup;
struct aftercare;
struct control;
struct desk;
struct ledger;

/* What the supervisor said last of each process, by IPC_PROCESS. */
struct control_process {
    bool known;
    enum ipc_process_state state;
    uint32_t pid, restarts;
    int64_t since; /* Unix seconds */
};

/* All of it outlives the control. */
struct control_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct backup *backup;
    struct ledger *ledger;
    struct desk *desk;
    struct aftercare *aftercare;
    struct publisher *publisher;
    struct preflight *preflight;
    const struct server_conf *conf;
    const struct control_process *processes; /* IPC_ROLES of them */
    int64_t started;                         /* Unix seconds */
    /* An operator asks for a reload; its outcome comes by control_reloaded. Negative: it cannot be
     * asked for. */
    int (*reload)(void *arg);
    void *arg;
    int fd; /* listening; taken over */
};

int control_new(struct control **out, const struct control_options *options);
/* Takes no more requests; who still waits is hung up on. */
void control_free(struct control *control);
void control_configure(struct control *control, const struct server_conf *conf);
/* Answers all that asked for a reload. */
void control_reloaded(struct control *control, bool ok, const char *text);

enum control_op {
    CONTROL_PING,
    CONTROL_STATUS,
    CONTROL_ORDERS,
    CONTROL_RECORDS,
    CONTROL_CERTIFICATES,
    CONTROL_ACCOUNTS,
    CONTROL_ACCOUNT_REGISTER,
    CONTROL_ACCOUNT_ROLL_OVER,
    CONTROL_ACCOUNT_AGREE,
    CONTROL_ACCOUNT_DEACTIVATE,
    CONTROL_RELOAD,
    CONTROL_BACKUP,
    CONTROL_LIMITS,
    CONTROL_PERSIST,
    CONTROL_REVOKE,
    CONTROL_AUTHORIZED_KEYS,
    CONTROL_CHECK,
    CONTROL_OPS,
};

struct control_request {
    json_t *json;
    enum control_op op;
    uint64_t id;                 /* orders; 0: not given */
    unsigned limit;              /* orders, certificates */
    const char *name;            /* certificates, limits, persist, account-*; as given; or NULL */
    bool forget;                 /* limits */
    const char *key_type;        /* account-register, account-roll-over; or NULL */
    const char *serial, *reason; /* revoke; reason may be NULL */
    const char *type, *key;      /* authorized-keys; both or neither */
    const char *names;           /* check, as given, divided by "," */
};

#define CONTROL_LIMIT_DEFAULT 50

/* Parses a request line of len octets. ERR_MALFORMED, ERR_UNKNOWN, ERR_VERSION, ERR_RANGE. */
int control_request_parse(struct control_request *out, const char *line, size_t len,
                          struct err *err);
void control_request_clear(struct control_request *request);

#endif

/*
 * The running orders: takes requests that policy has passed, carries out what each order's state
 * machine (issuer/order.h) asks for, feeds back what comes of it, keeps the store ahead of the CA,
 * and answers the clients. Orders do not wait for each other.
 */
#ifndef CERTMILL_ISSUER_DESK_H
#define CERTMILL_ISSUER_DESK_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/server_conf.h"
#include "issuer/acme.h"
#include "issuer/csr.h"
#include "issuer/order.h"
#include "issuer/publisher.h"
#include "issuer/store.h"

struct audit;
struct ledger;
struct authorities;
struct desk;
struct desk_ticket;
struct signclient;
struct trusts;

/* All of it outlives the desk. */
struct desk_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct publisher *publisher;
    struct signclient *signclient;
    const struct trusts *trusts;    /* or NULL: the system's alone */
    struct audit *audit;            /* or NULL */
    struct ledger *ledger;          /* or NULL */
    const struct server_conf *conf; /* acme_email, account_key_type, preferred_chain */
};

int desk_new(struct desk **out, const struct desk_options *options);
/* Orders that still run are forgotten here, not in the store; their clients hear nothing, and
 * still have to leave. */
void desk_free(struct desk *desk);
/* Another configuration, for what begins from now on. */
void desk_configure(struct desk *desk, const struct server_conf *conf);

/* What becomes of an order, for its client. */
struct desk_event {
    int64_t at_us;
    enum log_level level;
    uint64_t order;
    const char *text;
};

struct desk_result {
    enum order_failure failure; /* ORDER_OK: chain */
    int code;                   /* ORDER_BROKEN: an err_code that says more, or 0 */
    uint64_t order;             /* 0: it was never one */
    const char *text;           /* the reason of a failure */
    const char *problem;        /* its type, "rateLimited", or NULL */
    int64_t retry_at;           /* Unix seconds from which on it may succeed, 0: not said */
    const char *chain;
};

/* Called from the loop. done comes once, last; the ticket is gone then. */
struct desk_client {
    void (*event)(void *arg, const struct desk_event *event);
    void (*done)(void *arg, const struct desk_result *result);
    void *arg;
};

struct desk_request {
    const struct csr *csr;
    const char *directory_url;
    const char *client;  /* who asks, for the store */
    const char *address; /* from where, or NULL */
    int64_t peer_uid;
    const char *preferred_chain; /* or NULL */
    const char *profile;         /* or NULL */
    const char *replaces;        /* RFC 9773 5: identifier of the certificate it renews, or NULL */
    enum order_challenge challenge;
};

/* Takes an order. A request for which an order runs that nobody waits for any more (it was
 * resumed, or its client left) joins that one. ERR_BUSY past LIMIT_ORDERS, ERR_CANCELLED
 * once stopped, -ENOMEM; then no callback comes. */
int desk_order(struct desk *desk, const struct desk_request *request,
               const struct desk_client *client, struct desk_ticket **ticket, struct err *err);
/* The client has left; its callbacks do not come. The order goes on. Also after desk_free. */
void desk_leave(struct desk_ticket *ticket);

/* Takes up the open orders of the store: those that the CA knows go on, the others have failed. */
int desk_resume(struct desk *desk, struct err *err);
/* Ends all now, clients are answered before it returns; what the CA knows stays open in the store.
 */
void desk_stop(struct desk *desk);

/* What dnsd answered to whom. */
void desk_seen(struct desk *desk, const struct publisher_seen *seen);

/* The CA of a directory URL, made at first need; it is the desk's. NULL: err is filled. */
struct acme *desk_acme(struct desk *desk, const char *directory_url, struct err *err);

/* The name by which CAA and dns-persist-01 records mean a CA: the first that its directory says
 * (good until the loop's next turn), or NULL where nothing was asked of it yet, or it says none. */
const char *desk_issuer_domain(const struct desk *desk, const char *directory_url);
/* The same where it was made already, else NULL. */
struct acme *desk_acme_find(const struct desk *desk, const char *directory_url);
const struct authorities *desk_authorities(const struct desk *desk);

/* Has the directory of each configured CA read that is not known yet; fn comes once they are, or
 * after within_ms, from the loop. error: 0, or ERR_CANCELLED from desk_free. */
void desk_learn(struct desk *desk, unsigned within_ms, void (*fn)(void *arg, int error), void *arg);

/* The account at a CA, found or made. error 0: url. From the loop; also, with ERR_CANCELLED, from
 * desk_free. */
typedef void desk_account_fn(void *arg, int error, const char *text, const char *url);
/* Changes an account; fn as above. A roll-over is refused (ERR_BUSY) while orders of that CA run,
 * for their key authorizations are made with the key; orders that come meanwhile wait for it. */
struct desk_account_change {
    const char *name; /* of the authority, or its directory URL */
    enum acme_change change;
    const char *key_type; /* ACME_ROLL_OVER, ACME_REGISTER: or NULL, the configured one */
};
int desk_account_change(struct desk *desk, const struct desk_account_change *what,
                        desk_account_fn *fn, void *arg, struct err *err);
int desk_account(struct desk *desk, const char *directory_url, desk_account_fn *fn, void *arg,
                 struct err *err);

#endif

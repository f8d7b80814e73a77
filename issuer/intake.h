/*
 * The way of a request from the submit socket to the desk: the same request answered from what is
 * there, policy, limits, preflight; then an order at the first CA that will do. All that can refuse
 * an order refuses it here, before a CA hears of it.
 *
 * The order of the steps: CSR and names (policy) - certificate of the same request (cache) -
 * running order of the same request (joined) - limits and growing delays (issuer/ledger.h) -
 * preflight (issuer/preflight.h), which also drops the CAs that CAA forbids - desk_order.
 */
#ifndef CERTMILL_ISSUER_INTAKE_H
#define CERTMILL_ISSUER_INTAKE_H

#include "issuer/authority.h"
#include "issuer/desk.h"

struct audit;
struct intake;
struct intake_ticket;
struct ledger;
struct preflight;
struct renewal;

/* All of it outlives the intake. */
struct intake_options {
    uv_loop_t *loop;
    struct log *log;
    const struct clock *clock;
    struct store *store;
    struct desk *desk;
    struct ledger *ledger;
    struct preflight *preflight;
    struct audit *audit;
    struct renewal *renewal; /* asked about what is given again; or NULL */
    const struct server_conf *conf;
};

int intake_new(struct intake **out, const struct intake_options *options);
void intake_free(struct intake *intake);
void intake_configure(struct intake *intake, const struct server_conf *conf);

/* Strings are NULL where not given, and copied. */
struct intake_request {
    const char *csr_pem;
    size_t csr_len;
    const char *client;  /* name of a configured client, or NULL: domains count */
    const char *domains; /* permitted sets, where client is NULL */
    const char *address; /* where the request came from, for log and audit */
    int64_t peer_uid;
    const char *authority; /* name or directory URL */
    const char *preferred_chain, *profile;
    bool staging;
    bool force; /* a new certificate even where one is there */
};

/* Takes a request; events and the result come as a desk's (a refusal as well, where it is found out
 * later). Negative: refused at once, err is filled, no callback comes. */
int intake_take(struct intake *intake, const struct intake_request *request,
                const struct desk_client *client, struct intake_ticket **ticket, struct err *err);
/* The client has left; its callbacks do not come. */
void intake_leave(struct intake_ticket *ticket);

#endif

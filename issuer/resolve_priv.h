/*
 * Inside issuer/resolve*.c: a question on its way.
 */
#ifndef CERTMILL_ISSUER_RESOLVE_PRIV_H
#define CERTMILL_ISSUER_RESOLVE_PRIV_H

#include "issuer/resolve.h"

/* One try: a connected socket. It goes with its handle. */
struct resolve_try {
    uv_poll_t poll;
    struct resolve_query *query; /* NULL: given up */
    int fd;
    bool tcp;
    uint8_t *out; /* what is still to be sent over TCP, with its length */
    size_t out_len, out_pos;
    uint8_t *in; /* the answer over TCP, with its length */
    size_t in_len;
};

struct resolve_query {
    struct resolve *resolve;          /* NULL: finished, the handle is closing */
    struct resolve_query *next, **at; /* in flight, or waiting */
    bool in_flight;
    uint8_t name[LIMIT_NAME_WIRE];
    struct resolve_question question; /* name and server point here */
    union dnsaddr server;             /* asked now */
    uint16_t id;
    unsigned tries;
    bool tcp;
    int error; /* of the last try */
    uv_timer_t timer;
    struct resolve_try *try;
    resolve_fn *fn;
    void *arg;
};

/* Begins a try: server, id and tcp are set. Negative: it cannot even begin. */
int resolve_try_start(struct resolve_query *query, uv_loop_t *loop);
/* Ends it, whatever it has come to. */
void resolve_try_stop(struct resolve_query *query);

/* What a try says, at most once, and it is stopped then: an answer (taken over), or an error. */
void resolve_query_answered(struct resolve_query *query, ldns_pkt *pkt);
void resolve_query_failed(struct resolve_query *query, int error);

#endif

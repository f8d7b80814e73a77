/*
 * DNS over TCP (RFC 7766, 9210): a worker's listening sockets and their connections.
 *
 * Who is over a limit costs himself first: of an address that has its number, the longest idle
 * connection gives way to a new one; so does the longest idle one of all when the worker is
 * full. No connection outlives the idle time-out (without a whole query) or the lifetime.
 */
#ifndef CERTMILL_DNSD_TCP_H
#define CERTMILL_DNSD_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "dnsd/quota.h"
#include "dnsd/respond.h"

struct tcp;

struct tcp_options {
    uv_loop_t *loop;
    struct responder *responder;
    /* As in struct udp_options. */
    void (*before)(void *arg);
    void (*after)(void *arg);
    void *arg;
    /* Limits and time-outs; may change between two wake-ups. */
    const struct service *service;
    struct quota *quota; /* holds one for each connection, until it is closed */
};

/* fds: listening sockets; they stay the caller's and must outlive the loop. -errno; what was
 * made by then is in *out all the same, for tcp_close and tcp_free. Nothing is accepted before
 * tcp_start. */
int tcp_new(struct tcp **out, const struct tcp_options *options, const int *fds, size_t count);
/* On the loop's thread. */
void tcp_start(struct tcp *tcp);
/* Accepts no more: who comes now waits for the next server. True while there are connections,
 * which are served on. */
bool tcp_stop(struct tcp *tcp);
/* Closes handles and connections; run the loop once more before tcp_free. */
void tcp_close(struct tcp *tcp);
void tcp_free(struct tcp *tcp);

#endif

/*
 * DNS over UDP: a worker's sockets, drained in batches by recvmmsg and answered by sendmmsg.
 */
#ifndef CERTMILL_DNSD_UDP_H
#define CERTMILL_DNSD_UDP_H

#include <stddef.h>
#include <uv.h>

#include "dnsd/respond.h"

struct udp;

struct udp_options {
    uv_loop_t *loop;
    struct responder *responder;
    /* Called before each batch (brings the image up to date) and after the last one of a
     * wake-up (hands over what was seen). */
    void (*before)(void *arg);
    void (*after)(void *arg);
    void *arg;
    uint16_t payload; /* octets: the largest message in either direction; a larger one is FORMERR */
};

/* fds: bound datagram sockets; they stay the caller's and must outlive the loop. -errno;
 * what was made by then is in *out all the same, for udp_close and udp_free. Nothing is read
 * before udp_start. */
int udp_new(struct udp **out, const struct udp_options *options, const int *fds, size_t count);
/* On the loop's thread. */
void udp_start(struct udp *udp);
/* Closes the handles; run the loop once more before udp_free. */
void udp_close(struct udp *udp);
void udp_free(struct udp *udp);

#endif
